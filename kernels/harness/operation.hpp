// operation.hpp: kernels as operations on cases, in every build of their source that is linked in.
//
// A new kernel: its table into PW_EVERY_TABLE, an operation (how to draw a case, how to run it) into operations_*.cpp.
#ifndef PHASEWELL_HARNESS_OPERATION_HPP
#define PHASEWELL_HARNESS_OPERATION_HPP
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "../cpu/background.hpp"
#include "../cpu/cells.hpp"
#include "../cpu/cnn_input.hpp"
#include "../cpu/components.hpp"
#include "../cpu/erosion.hpp"
#include "../cpu/quality.hpp"
#include "../cpu/render.hpp"
#include "../cpu/segment.hpp"
#include "../cpu/split.hpp"
#include "../cpu/texture.hpp"
#include "../phasewell_kernels/grid.cuh"
#include "case.hpp"
#include "chance.hpp"
#include "vocabulary.hpp"

#define PW_EVERY_TABLE(each)        \
  each(BackgroundTable, background) \
  each(CellsTable, cells)           \
  each(CnnInputTable, cnn_input)    \
  each(ComponentsTable, components) \
  each(ErosionTable, erosion)       \
  each(QualityTable, quality)       \
  each(RenderTable, render)         \
  each(SegmentTable, segment)       \
  each(SplitTable, split)           \
  each(TextureTable, texture)       \
  each(VocabularyTable, vocabulary)

#define PW_POINTER(Type, name) const Type* name;
struct Tables {
  PW_EVERY_TABLE(PW_POINTER)
};
#undef PW_POINTER

// One way to run a kernel: the tables of an instruction set called directly, or as the threads of an emulated block.
struct Runner {
  std::string name;  // plain, avx2, avx512, emulated:THREADS
  const Tables* tables;
  int32_t threads = 0;  // of the emulated block; 0: a direct call

  // work(scratch) by every thread of a block, with exactly `bytes` of scratch
  void block(int64_t bytes, const std::function<void(pw::Scratch)>& work) const;
};

// What a function of the whole block returns: each thread puts its own, and the result is -1 where they disagree.
template <typename T>
class Returned {
 public:
  Returned(Case& worked, const std::string& name) : at_(worked.result<T>(name, {})) {}
  ~Returned() { *at_ = alike_ ? (T)first_.load() : (T)-1; }
  void put(T value) {
    int64_t nothing = NOTHING;
    const bool first = first_.compare_exchange_strong(nothing, (int64_t)value, std::memory_order_relaxed);
    if (!first && nothing != (int64_t)value) alike_ = false;
  }

 private:
  static constexpr int64_t NOTHING = INT64_MIN;
  T* at_;
  std::atomic<int64_t> first_{NOTHING};
  std::atomic<bool> alike_{true};
};

// Result "runs": (runs, 4) row, start, end and label of those that `work` writes, by every thread of a block.
void give_runs(const Runner& runner, Case& worked, int32_t height, int32_t width, int64_t bytes,
               const std::function<void(pw::LabelRuns, pw::Scratch)>& work);

struct Operation {
  const char* name;
  void (*draw)(Chance& chance, Case& made);        // fills made.given
  void (*run)(const Runner& runner, Case& worked);  // fills worked.results
};

std::vector<std::string> linked_sets();         // of plain, avx2, avx512 (those this processor has) and emulated
Runner find_runner(const std::string& name);    // std::runtime_error for one that is not linked in
const std::vector<Operation>& operations();
void add_basic_operations(std::vector<Operation>& all);
void add_cell_operations(std::vector<Operation>& all);
void add_grey_operations(std::vector<Operation>& all);
void add_plane_operations(std::vector<Operation>& all);
void add_segment_operations(std::vector<Operation>& all);
void add_texture_operations(std::vector<Operation>& all);
#endif
