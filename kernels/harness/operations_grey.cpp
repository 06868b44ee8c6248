// operations_grey.cpp: background adjustment and image quality.
#include "operation.hpp"

namespace {

void draw_background(Chance& chance, Case& made) {
  give_grey(chance, made);
  made.give_number("half", chance.one_in(20) ? chance.within(0, 1 << 30) : chance.within(0, 60));
  made.give_number("tolerance", chance.one_in(4) ? chance.within(0, 255) : chance.within(0, 30));
}

void run_background(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto half = (int32_t)worked.number("half"), tolerance = (int32_t)worked.number("tolerance");
  const auto* pixels = worked.in<uint8_t>("grey");
  auto* adjusted = worked.result<uint8_t>("adjusted", {h, w});
  runner.block(pw::adjust_frame_fast_bytes(w) + pw::adjust_frame_bytes(h, w, half), [&](pw::Scratch scratch) {
    runner.tables->background->adjust(pixels, h, w, half, tolerance, adjusted, scratch);
  });
}

void draw_quality(Chance& chance, Case& made) { give_grey(chance, made); }

void run_quality(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto* pixels = worked.in<uint8_t>("grey");
  auto* integers = worked.result<int64_t>("integers", {pw::QUALITY_INTEGERS});
  auto* rows = worked.result<uint32_t>("rows", {h});
  auto* columns = worked.result<uint32_t>("columns", {w});
  runner.block(pw::sum_frame_bytes(w), [&](pw::Scratch scratch) {
    runner.tables->quality->sum(pixels, h, w, integers, rows, columns, scratch);
  });
}

}  // namespace

void add_grey_operations(std::vector<Operation>& all) {
  all.push_back({"background", draw_background, run_background});
  all.push_back({"quality", draw_quality, run_quality});
}
