// emulation.hpp: a block of real threads on a CPU, for tests: each thread knows its number, and a barrier is a barrier.
#ifndef PHASEWELL_EMULATION_HPP
#define PHASEWELL_EMULATION_HPP
#include <barrier>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace pw_emulation {

inline thread_local int32_t thread = 0;
inline thread_local int32_t threads = 1;
inline thread_local std::barrier<>* meeting = nullptr;

// A barrier that is left out, to prove that the race is then found.
inline std::string dropped_file;
inline int dropped_line = 0;
inline void drop_barrier(std::string file, int line) {
  dropped_file = std::move(file);
  dropped_line = line;
}

inline void barrier(const char* file, int line) {
  if (line == dropped_line && std::string_view(file).ends_with(dropped_file)) return;
  if (meeting) meeting->arrive_and_wait();
}

// run `block` as `count` threads of one block
template <typename Block>
void run_block(int32_t count, Block block) {
  std::barrier<> all(count);
  std::vector<std::thread> started;
  for (int32_t t = 0; t < count; ++t)
    started.emplace_back([&, t] {
      thread = t;
      threads = count;
      meeting = &all;
      block();
    });
  for (auto& one : started) one.join();
}

}  // namespace pw_emulation
#endif
