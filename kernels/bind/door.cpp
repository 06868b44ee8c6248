// door.cpp: frames spread over threads, scratch memory that outlives a call, and the choice of the instruction set.
#include "door.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
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
    refuse(function, "frames of " + std::to_string(height) + " x " + std::to_string(width) + " px: expected sides of at most " +
                         std::to_string(MAX_SIDE) + " and " + std::to_string(MAX_PIXELS) + " px in all; cut them into fields");
}

Isa find_isa(const std::string& name) {
#ifdef PW_X86
  const bool avx2 = __builtin_cpu_supports("x86-64-v3"), avx512 = __builtin_cpu_supports("x86-64-v4");
#else
  const bool avx2 = false, avx512 = false;
#endif
  if (name == "best") return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::plain;
  if (name == "plain") return Isa::plain;
  if (name == "avx2" && avx2) return Isa::avx2;
  if (name == "avx512" && avx512) return Isa::avx512;
  throw std::invalid_argument("instruction set " + name + ": expected best, plain, avx2 or avx512, as this processor has");
}

void each_frame(int64_t frames, int32_t threads, int64_t scratch_bytes,
                const std::function<void(int64_t, pw::Scratch)>& work) {
  const auto count = static_cast<int32_t>(std::clamp<int64_t>(threads, 1, std::max<int64_t>(frames, 1)));
  std::vector<Buffer> buffers;
  for (int32_t t = 0; t < count; ++t) buffers.push_back(borrow(scratch_bytes));
  std::atomic<int64_t> next{0};
  const auto run = [&](int32_t t) {
    for (int64_t frame = next++; frame < frames; frame = next++) work(frame, pw::Scratch{buffers[t].memory.get()});
  };
  std::vector<std::thread> others;
  for (int32_t t = 1; t < count; ++t) others.emplace_back(run, t);
  run(0);
  for (auto& other : others) other.join();
  for (auto& buffer : buffers) give_back(std::move(buffer));
}

}  // namespace door
