/*
 * words.cpp - a C++ program of maps and strings: an index of words, built, asked and thinned out.
 *
 * usage: words WORDS
 *
 * Words (1..24 letters, few of them often, most of them rarely) are counted in a std::map and placed in an
 * std::unordered_map of vectors; every so often the rare half is erased. What is counted is words.
 */
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/bench/harness.h"

namespace
{

constexpr uint64_t thin_out_every = 200000;

struct index_of_words {
    std::map<std::string, uint64_t> counts;
    std::unordered_map<std::string, std::vector<uint32_t>> places;
};

/* The square makes low numbers, and so their words, frequent. */
std::string draw_word(uint64_t *state)
{
    uint64_t number = bench_random(state) >> 44;
    number = number * number >> 21;
    std::string word;
    uint64_t letters = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint64_t n = 1 + (letters >> 48) % 24; n > 0; n--) {
        word.push_back((char)('a' + letters % 26));
        letters = letters / 26 + (letters << 50);
    }
    return word;
}

void thin_out(index_of_words &index)
{
    for (auto entry = index.counts.begin(); entry != index.counts.end();) {
        if (entry->second > 1) {
            ++entry;
            continue;
        }
        index.places.erase(entry->first);
        entry = index.counts.erase(entry);
    }
}

uint64_t build(uint64_t words)
{
    index_of_words index;
    uint64_t state = 42, letters = 0;
    for (uint64_t i = 1; i <= words; i++) {
        std::string word = draw_word(&state);
        index.counts[word]++;
        index.places[word].push_back((uint32_t)i);
        if (i % thin_out_every == 0)
            thin_out(index);
    }
    for (const auto &entry : index.counts)
        letters += entry.first.size() * index.places[entry.first].size();
    return letters;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: words WORDS\n");
        return 2;
    }
    uint64_t words = bench_number(argv[1], "WORDS", 1u << 30);
    bench_start();
    bench_pin(1);
    uint64_t start = bench_now_ns();
    uint64_t letters = build(words);
    uint64_t ns = bench_now_ns() - start;
    BENCH_ESCAPE(letters);
    struct bench_result result = {"words", words, ns, 0, 0};
    bench_report(&result, bench_memory());
    return 0;
}
