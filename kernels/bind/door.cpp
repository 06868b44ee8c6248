// door.cpp: frames spread over threads, scratch memory that outlives a call, and the choice of the instruction set.
#include "door.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace door {
namespace {

struct Free {
  void operator()(char* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<char, Free>;

struct Buffer {
  Memory memory;
  int64_t bytes = 0;
};

std::mutex guard;
std::vector<Buffer> idle;  // at most one per thread that ever ran at once

Buffer borrow(int64_t bytes) {
  Buffer found;
  {
    const std::lock_guard<std::mutex> lock(guard);
    if (!idle.empty()) {
      found = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (found.bytes < bytes) {
    found.memory.reset();
    const auto rounded = (bytes + pw::ALIGNMENT - 1) / pw::ALIGNMENT * pw::ALIGNMENT;
    found.memory.reset(static_cast<char*>(std::aligned_alloc(pw::ALIGNMENT, static_cast<size_t>(rounded))));
    if (!found.memory) throw std::bad_alloc();
    found.bytes = rounded;
  }
  return found;
}

void give_back(Buffer buffer) {
  const std::lock_guard<std::mutex> lock(guard);
  idle.push_back(std::move(buffer));
}

}  // namespace

void check_sides(const std::string& function, int64_t height, int64_t width) {
  if (height > MAX_SIDE || width > MAX_SIDE || height * width > MAX_PIXELS)
    refuse(function, "frames of " + std::to_string(height) + " x " + std::to_string(width) +
                         " px: expected sides up to " + std::to_string(MAX_SIDE) + " px and " +
                         std::to_string(MAX_PIXELS) + " px in all; cut them into fields");
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> found{"plain"};
#ifdef PW_X86
  if (__builtin_cpu_supports("x86-64-v3")) found.emplace_back("avx2");
  if (__builtin_cpu_supports("x86-64-v4")) found.emplace_back("avx512");
#endif
  return found;
}

Isa find_isa(const std::string& name) {
  static const std::vector<std::string> own = instruction_sets();  // in the order of Isa
  if (name == "best") return static_cast<Isa>(own.size() - 1);
  const auto found = std::find(own.begin(), own.end(), name);
  if (found == own.end()) {
    std::string known;
    for (const std::string& one : own) known += ", " + one;
    throw std::invalid_argument("instruction set " + name + ": expected best" + known + " on this processor");
  }
  return static_cast<Isa>(found - own.begin());
}

void each_frame(int64_t frames, int32_t threads, int64_t scratch_bytes,
                const std::function<void(int64_t, pw::Scratch)>& work) {
  const auto count = static_cast<int32_t>(std::clamp<int64_t>(threads, 1, std::max<int64_t>(frames, 1)));
  std::vector<Buffer> buffers;
  for (int32_t t = 0; t < count; ++t) buffers.push_back(borrow(scratch_bytes));
  std::atomic<int64_t> next{0};
  std::vector<std::exception_ptr> failures(static_cast<size_t>(count));
  const auto run = [&](int32_t t) {
    try {
      for (int64_t frame = next++; frame < frames; frame = next++) work(frame, pw::Scratch{buffers[t].memory.get()});
    } catch (...) {  // an exception that left a thread would end the process
      failures[static_cast<size_t>(t)] = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  for (int32_t t = 1; t < count; ++t) others.emplace_back(run, t);
  run(0);
  for (auto& other : others) other.join();
  for (auto& buffer : buffers) give_back(std::move(buffer));
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace door
