// cxx_test.cpp - operators new and delete in every form: aligned, counted, and failing as C++ wants it.
#include <sys/resource.h>

#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <string>
#include <vector>

extern "C" {
#include <cmocka.h>

#include "lib/include/hakmem.h"
}

#pragma weak hakmem_snapshot

namespace
{

using std::align_val_t;
using std::nothrow;

// The compiler may leave out a pair of new and delete; calls to the operators by name it must keep.
template <typename T> T hidden(T v)
{
    __asm__ volatile("" : "+r"(v));
    return v;
}

struct hakmem_snapshot snapshot()
{
    struct hakmem_snapshot s;
    assert_int_equal(hakmem_snapshot(&s, sizeof s), 0);
    return s;
}

struct form {
    const char *name;
    void *(*make)(std::size_t size, std::size_t align);
    void (*drop)(void *p, std::size_t size, std::size_t align);
    bool aligned;
};

// One for each operator delete, with each of its operators new.
const form forms[] = {
    {"new", [](std::size_t n, std::size_t) { return ::operator new(n); },
     [](void *p, std::size_t, std::size_t) { ::operator delete(p); }, false},
    {"new, sized delete", [](std::size_t n, std::size_t) { return ::operator new(n); },
     [](void *p, std::size_t n, std::size_t) { ::operator delete(p, n); }, false},
    {"new nothrow", [](std::size_t n, std::size_t) { return ::operator new(n, nothrow); },
     [](void *p, std::size_t, std::size_t) { ::operator delete(p, nothrow); }, false},
    {"new[]", [](std::size_t n, std::size_t) { return ::operator new[](n); },
     [](void *p, std::size_t, std::size_t) { ::operator delete[](p); }, false},
    {"new[], sized delete[]", [](std::size_t n, std::size_t) { return ::operator new[](n); },
     [](void *p, std::size_t n, std::size_t) { ::operator delete[](p, n); }, false},
    {"new[] nothrow", [](std::size_t n, std::size_t) { return ::operator new[](n, nothrow); },
     [](void *p, std::size_t, std::size_t) { ::operator delete[](p, nothrow); }, false},
    {"new aligned", [](std::size_t n, std::size_t a) { return ::operator new(n, align_val_t(a)); },
     [](void *p, std::size_t, std::size_t a) { ::operator delete(p, align_val_t(a)); }, true},
    {"new aligned, sized delete",
     [](std::size_t n, std::size_t a) { return ::operator new(n, align_val_t(a)); },
     [](void *p, std::size_t n, std::size_t a) { ::operator delete(p, n, align_val_t(a)); }, true},
    {"new aligned nothrow",
     [](std::size_t n, std::size_t a) { return ::operator new(n, align_val_t(a), nothrow); },
     [](void *p, std::size_t, std::size_t a) { ::operator delete(p, align_val_t(a), nothrow); }, true},
    {"new[] aligned", [](std::size_t n, std::size_t a) { return ::operator new[](n, align_val_t(a)); },
     [](void *p, std::size_t, std::size_t a) { ::operator delete[](p, align_val_t(a)); }, true},
    {"new[] aligned, sized delete[]",
     [](std::size_t n, std::size_t a) { return ::operator new[](n, align_val_t(a)); },
     [](void *p, std::size_t n, std::size_t a) { ::operator delete[](p, n, align_val_t(a)); }, true},
    {"new[] aligned nothrow",
     [](std::size_t n, std::size_t a) { return ::operator new[](n, align_val_t(a), nothrow); },
     [](void *p, std::size_t, std::size_t a) { ::operator delete[](p, align_val_t(a), nothrow); }, true},
};

const std::size_t sizes[] = {0, 1, 16, 17, 1000, 1025, 32768, 32769, 100000, 5000000};

void every_form_gives_and_takes(void **)
{
    for (const form &f : forms) {
        for (std::size_t size : sizes) {
            for (std::size_t align = 1; align <= (f.aligned ? 1u << 21 : 1u); align *= 4) {
                auto before = snapshot();
                void *p = f.make(size, align);
                auto with = snapshot();
                assert_non_null(p);
                if (reinterpret_cast<std::uintptr_t>(p) % (align < 16 ? 16 : align) != 0)
                    fail_msg("%s of %zu aligned to %zu is at %p", f.name, size, align, p);
                assert_true(malloc_usable_size(p) >= size);
                std::memset(p, 0x77, size);
                f.drop(p, size, align);
                assert_int_equal(with.live_blocks, before.live_blocks + 1);
                assert_int_equal(snapshot().live_blocks, before.live_blocks);
            }
        }
    }
}

void null_may_be_deleted(void **)
{
    auto before = snapshot();
    for (const form &f : forms)
        f.drop(nullptr, 0, 16);
    assert_int_equal(snapshot().frees_total, before.frees_total);
}

void an_impossible_size_throws_bad_alloc(void **)
{
    for (const form &f : forms) {
        bool nothrow_form = std::strstr(f.name, "nothrow") != nullptr;
        bool threw = false;
        void *p = &p;
        try {
            p = f.make(hidden(PTRDIFF_MAX - std::size_t(4096)), 64);
        } catch (const std::bad_alloc &) {
            threw = true;
        }
        if (threw == nothrow_form || (nothrow_form && p != nullptr))
            fail_msg("%s: threw %d, gave %p", f.name, threw, p);
    }
}

int handler_calls;
void *reserve;

// Gives up what it has kept back, then itself.
void give_up_the_reserve()
{
    handler_calls++;
    std::free(reserve);
    reserve = nullptr;
    std::set_new_handler(nullptr);
}

// Leaves the process room for little more than it has.
void limit_addresses(rlim_t more)
{
    rlimit limit;
    char line[128];
    unsigned long pages = 0;
    FILE *file = std::fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_non_null(std::fgets(line, sizeof line, file));
    std::fclose(file);
    pages = std::strtoul(line, nullptr, 10);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = pages * 4096 + more;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

void unlimit_addresses()
{
    rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

void a_new_handler_is_asked_for_memory(void **)
{
    const std::size_t want = std::size_t(200) << 20;
    for (const form &f : forms) {
        reserve = std::malloc(want + (8 << 20));
        assert_non_null(reserve);
        limit_addresses(64 << 20);
        handler_calls = 0;
        std::set_new_handler(give_up_the_reserve);
        void *p = nullptr;
        try {
            p = f.make(hidden(want), 64);
        } catch (const std::bad_alloc &) {
            p = nullptr;
        }
        unlimit_addresses();
        std::set_new_handler(nullptr);
        if (handler_calls != 1 || p == nullptr)
            fail_msg("%s: the new_handler was called %d times, then it gave %p", f.name, handler_calls, p);
        f.drop(p, want, 64);
    }
}

// Under RLIMIT_AS; and the program goes on.
void bad_alloc_may_be_caught_and_forgotten(void **)
{
    limit_addresses(64 << 20);
    std::vector<char *> blocks;
    blocks.reserve(100000);
    bool threw = false;
    try {
        for (int i = 0; i < 100000; i++)
            blocks.push_back(new char[50000]);
    } catch (const std::bad_alloc &e) {
        threw = true;
        assert_non_null(std::strstr(e.what(), "bad_alloc"));
    }
    assert_true(threw);
    assert_null(::operator new(hidden(std::size_t(100) << 20), nothrow));
    for (char *p : blocks)
        delete[] p;
    std::string text(1 << 20, 'x');
    assert_int_equal(text.size(), 1 << 20);
    unlimit_addresses();
}

struct alignas(256) wide {
    char bytes[300];
};

void containers_and_expressions_work(void **)
{
    auto before = snapshot();
    {
        std::vector<std::string> words;
        for (int i = 0; i < 10000; i++)
            words.push_back("word number " + std::to_string(i) + " of many that are longer than a short one");
        words.erase(words.begin(), words.begin() + 5000);
        assert_string_equal(words[0].c_str(), "word number 5000 of many that are longer than a short one");
        wide *w = new wide[3];
        assert_int_equal(reinterpret_cast<std::uintptr_t>(w) % 256, 0);
        delete[] w;
        int *one = new int(7);
        assert_int_equal(*one, 7);
        delete one;
    }
    assert_int_equal(snapshot().live_blocks, before.live_blocks);
}

} // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_form_gives_and_takes),
        cmocka_unit_test(null_may_be_deleted),
        cmocka_unit_test(an_impossible_size_throws_bad_alloc),
        cmocka_unit_test(a_new_handler_is_asked_for_memory),
        cmocka_unit_test(bad_alloc_may_be_caught_and_forgotten),
        cmocka_unit_test(containers_and_expressions_work),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
