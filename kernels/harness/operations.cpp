// operations.cpp: which builds are linked in, and the list of operations.
#include "operation.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>

#include "../cpu/emulation.hpp"

#ifdef PW_EMULATED_LINKED
#define PW_DECLARE_EMULATED(Type, name) extern const Type name##_emulated;
PW_EVERY_TABLE(PW_DECLARE_EMULATED)
#endif

#define PW_EMULATED_TABLE(Type, name) &name##_emulated,
#define PW_PLAIN_TABLE(Type, name) &name##_plain,
#define PW_AVX2_TABLE(Type, name) &name##_avx2,
#define PW_AVX512_TABLE(Type, name) &name##_avx512,

namespace {

struct Set {
  std::string name;
  Tables tables;
};

std::vector<Set> find_sets() {
  std::vector<Set> sets;
#ifdef PW_PLAIN_LINKED
  sets.push_back({"plain", {PW_EVERY_TABLE(PW_PLAIN_TABLE)}});
#endif
#ifdef PW_AVX2_LINKED
  if (__builtin_cpu_supports("x86-64-v3")) sets.push_back({"avx2", {PW_EVERY_TABLE(PW_AVX2_TABLE)}});
#endif
#ifdef PW_AVX512_LINKED
  if (__builtin_cpu_supports("x86-64-v4")) sets.push_back({"avx512", {PW_EVERY_TABLE(PW_AVX512_TABLE)}});
#endif
#ifdef PW_EMULATED_LINKED
  sets.push_back({"emulated", {PW_EVERY_TABLE(PW_EMULATED_TABLE)}});
#endif
  return sets;
}

const std::vector<Set>& sets() {
  static const std::vector<Set> found = find_sets();
  return found;
}

}  // namespace

void Runner::block(int64_t bytes, const std::function<void(pw::Scratch)>& work) const {
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  void* fresh = nullptr;
  if (posix_memalign(&fresh, pw::ALIGNMENT, (size_t)bytes)) throw std::bad_alloc();
  const std::unique_ptr<void, Free> memory(fresh);
  if (bytes) std::memset(fresh, filling(), (size_t)bytes);
  const pw::Scratch scratch{static_cast<char*>(fresh)};
  if (threads)
    pw_emulation::run_block(threads, [&] { work(scratch); });
  else
    work(scratch);
}

std::vector<std::string> linked_sets() {
  std::vector<std::string> names;
  for (const auto& set : sets()) names.push_back(set.name);
  return names;
}

Runner find_runner(const std::string& name) {
  const size_t colon = name.find(':');
  for (const auto& set : sets())
    if (set.name == name.substr(0, colon))
      return {name, &set.tables, colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1))};
  throw std::runtime_error("no build named " + name + " is linked in");
}

void give_runs(const Runner& runner, Case& worked, int32_t height, int32_t width, int64_t bytes,
               const std::function<void(pw::LabelRuns, pw::Scratch)>& work) {
  Array memory("i8", {pw::cell_runs_bytes(height, width) / 8 + 8});
  pw::Scratch kept{memory.memory.get() + (64 - (uintptr_t)memory.memory.get() % 64) % 64};
  const pw::LabelRuns found = pw::label_runs(pw::take_cell_runs(kept, height, width));
  runner.block(bytes, [&](pw::Scratch scratch) { work(found, scratch); });
  const int32_t count = found.runs.first[height];
  auto* at = worked.result<int32_t>("runs", {count, 4});
  for (int32_t i = 0; i < count; ++i) {
    *at++ = found.row[i];
    *at++ = pw::start_of(found.runs, i);
    *at++ = pw::end_of(found.runs, i);
    *at++ = found.label[i];
  }
}

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = [] {
    std::vector<Operation> made;
    add_basic_operations(made);
    add_grey_operations(made);
    add_texture_operations(made);
    add_segment_operations(made);
    add_plane_operations(made);
    add_cell_operations(made);
    return made;
  }();
  return all;
}
