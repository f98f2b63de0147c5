// cxx_plugin.cpp - a C++ plugin of a C program: libstdc++ is loaded for it, and bound as deeply.
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include "tests/deepbind/plugin.h"
}

namespace
{

struct alignas(256) wide {
    char bytes[256];
};

int use_cxx()
{
    std::map<std::string, std::vector<std::string>> all;
    for (int i = 0; i < 1000; i++)
        all["a name of some length, so that it is not kept in the string itself " + std::to_string(i % 50)]
            .push_back(std::string(static_cast<size_t>(i), 'x'));
    auto aligned = std::make_unique<wide>();
    try {
        throw std::runtime_error("an exception " + std::to_string(all.size()));
    } catch (const std::exception &e) {
        return std::string(e.what()) == "an exception 50" && aligned != nullptr ? 1 : 0;
    }
}

void release(void *p)
{
    std::free(p);
}

} // namespace

extern "C" {
extern const struct plugin plugin;
const struct plugin plugin = {nullptr, nullptr, nullptr, nullptr, release,
                              nullptr, nullptr, nullptr, use_cxx};
}
