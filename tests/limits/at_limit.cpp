/*
 * at_limit.cpp - C++ where memory ends: bad_alloc is thrown, caught and over; and objects of static life that
 * allocate when they are made before main and destroyed after it.
 */
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <vector>

extern "C" const char *hakmem_version(void) __attribute__((weak));

namespace
{

void fail(const char *what)
{
    std::fprintf(stderr, "at_limit: %s\n", what);
    std::_Exit(1);
}

/* Destroyed after main, when the library's own end may have come. */
class Registry
{
    std::map<std::string, std::vector<int>> entries;

  public:
    Registry()
    {
        for (int i = 0; i < 1000; i++)
            entries[std::to_string(i) + " in a string that is not short"].assign(static_cast<size_t>(i), i);
    }

    ~Registry()
    {
        for (auto &entry : entries)
            entry.second.resize(entry.second.size() + 100);
        if (entries.size() != 1000)
            fail("the registry is not what it was");
        entries.clear();
        std::string last(100000, 'x');
        if (last.back() != 'x')
            fail("no memory after main");
    }
};

Registry registry;

void at_exit()
{
    std::vector<std::string> lines(200, std::string(300, 'y'));
    if (lines[199][299] != 'y')
        fail("no memory at exit");
}

void limit_memory()
{
    rlimit limit{};
    long pages = 0;
    std::FILE *statm = std::fopen("/proc/self/statm", "r");
    if (statm == nullptr || std::fscanf(statm, "%ld", &pages) != 1 || getrlimit(RLIMIT_AS, &limit) != 0)
        fail("statm");
    std::fclose(statm);
    limit.rlim_cur = static_cast<rlim_t>(pages) * 4096 + (rlim_t{96} << 20);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        fail("setrlimit");
}

/* Fills memory with strings until there is none; the exception carries a string of its own if it can. */
size_t fill()
{
    std::vector<std::string> strings;
    try {
        for (;;)
            strings.emplace_back(1000 + strings.size() % 50000, 'z');
    } catch (const std::bad_alloc &) {
        size_t n = strings.size();
        if (n < 1000 || strings[n / 2].back() != 'z')
            fail("memory ended early, or is not what it was");
        return n;
    }
}

} // namespace

int main()
{
    if (hakmem_version == nullptr)
        fail("this program is to run under libhakmem.so");
    std::atexit(at_exit);
    limit_memory();
    size_t first = fill();
    for (int round = 0; round < 5; round++) {
        size_t again = fill();
        if (again < first / 2)
            fail("memory does not come back");
        if (::operator new (size_t{200} << 20, std::nothrow) != nullptr)
            fail("there was memory above the limit");
        try {
            throw std::runtime_error(std::string(500, 'e'));
        } catch (const std::runtime_error &e) {
            if (e.what()[499] != 'e')
                fail("the exception lost its text");
        }
    }
    std::puts("done");
    return 0;
}
