// emulation.hpp: a block of real threads on a CPU, for tests: each thread knows its number, and a barrier is a barrier.
#ifndef PHASEWELL_EMULATION_HPP
#define PHASEWELL_EMULATION_HPP
#include <barrier>
#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

namespace pw_emulation {

inline thread_local int32_t thread = 0;
inline thread_local int32_t threads = 1;
inline thread_local std::barrier<>* meeting = nullptr;

// PW_DROPPED_FILE and PW_DROPPED_LINE name a barrier that is left out, to prove that the race is then found
inline void barrier([[maybe_unused]] const char* file, [[maybe_unused]] int line) {
#ifdef PW_DROPPED_LINE
  if (line == PW_DROPPED_LINE && std::string_view(file).ends_with(PW_DROPPED_FILE)) return;
#endif
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
