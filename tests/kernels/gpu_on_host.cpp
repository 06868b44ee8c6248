// gpu_on_host.cpp: a block of real threads, for entry points that were compiled with gpu_on_host.hpp.
#include <barrier>
#include <thread>
#include <vector>

static std::barrier<>* meeting = nullptr;
static void meet() { meeting->arrive_and_wait(); }

// runs one block; `call` hands the arguments, by address, to an entry point
extern "C" void pw_run_block(unsigned x, unsigned y, unsigned rows, unsigned threads,
                             void (*enter)(unsigned, unsigned, unsigned, unsigned, unsigned, void (*)()),
                             void (*call)(void**), void** arguments) {
  if (threads == 1) {
    enter(0, 1, x, y, rows, nullptr);
    return call(arguments);
  }
  std::barrier<> all(threads);
  meeting = &all;
  enter(0, threads, x, y, rows, meet);  // what the threads share is set before any of them starts
  std::vector<std::thread> started;
  for (unsigned t = 0; t < threads; ++t)
    started.emplace_back([&, t] {
      if (t) enter(t, threads, x, y, rows, meet);
      call(arguments);
    });
  for (auto& one : started) one.join();
}
