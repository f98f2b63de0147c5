// own_new.cpp - a program with operators new and delete of its own, which libraries in C++ are to use as
// well.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

static std::atomic<long> made, gone;

void *operator new(std::size_t size)
{
    auto *p = static_cast<char *>(std::malloc(size + 32));
    if (p == nullptr)
        throw std::bad_alloc();
    ++made;
    return p + 32; // only the operators below can free it
}

void operator delete(void *p) noexcept
{
    if (p != nullptr) {
        ++gone;
        std::free(static_cast<char *>(p) - 32);
    }
}

void operator delete(void *p, std::size_t) noexcept
{
    operator delete(p);
}

static void work(int n)
{
    std::map<std::string, std::vector<int>> all;
    std::ostringstream text;
    for (int i = 0; i < 2000; i++) {
        all["key number " + std::to_string(i * n)].push_back(i);
        text << i << " is a number that makes the stream's buffer grow\n";
    }
    std::regex pattern("([0-9]+) is a (n[a-z]+)");
    std::smatch match;
    std::string said = text.str();
    if (!std::regex_search(said, match, pattern) || match[2] != "number")
        std::abort();
    try {
        throw std::runtime_error(std::string(1000, 'x'));
    } catch (const std::exception &) {
        delete[] new std::string[100];
    }
}

int main()
{
    std::vector<std::thread> threads;
    for (int i = 1; i <= 4; i++)
        threads.emplace_back(work, i);
    for (auto &thread : threads)
        thread.join();
    std::vector<std::thread>().swap(threads);
    if (made < 16000 || made != gone) {
        std::fprintf(stderr, "%ld made, %ld gone\n", made.load(), gone.load());
        return 1;
    }
    return 0;
}
