// operations_planes.cpp: erosion, the steps on connected pieces and the split of touching cells.
#include "operation.hpp"

namespace {

void draw_erode(Chance& chance, Case& made) {
  give_plane(chance, made);
  made.give_number("radius", chance.one_in(20) ? chance.within(0, 1 << 30) : chance.within(0, 15));
}

void run_erode(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("plane");
  const auto w = (int32_t)worked.number("width"), radius = (int32_t)worked.number("radius");
  const auto* plane = worked.in<uint64_t>("plane");
  auto* out = worked.result<uint64_t>("plane", {h, pw::plane_words(w)});
  runner.block(pw::erode_plane_fast_bytes(w), [&](pw::Scratch scratch) {
    runner.tables->erosion->erode(plane, h, w, radius, out, scratch);
  });
}

void draw_pieces(Chance& chance, Case& made) {
  give_plane(chance, made);
  made.give_number("limit", chance.one_in(20) ? chance.within(0, 1 << 30) : chance.within(0, 60));
}

using Step = void (*)(uint64_t*, int32_t, int32_t, int32_t, pw::Scratch);

void run_step(const Runner& runner, Case& worked, Step step, int64_t bytes) {
  const int32_t h = worked.height("plane");
  const auto w = (int32_t)worked.number("width"), limit = (int32_t)worked.number("limit");
  auto* plane = worked.in_place<uint64_t>("plane", "plane");
  runner.block(bytes, [&](pw::Scratch scratch) { step(plane, h, w, limit, scratch); });
}

void run_remove_small(const Runner& runner, Case& worked) {
  const int64_t bytes = pw::remove_small_bytes(worked.height("plane"), worked.number("width"));
  run_step(runner, worked, runner.tables->components->remove_small, bytes);
}

void run_fill_holes(const Runner& runner, Case& worked) {
  const int64_t bytes = pw::fill_holes_bytes(worked.height("plane"), worked.number("width"));
  run_step(runner, worked, runner.tables->components->fill_holes, bytes);
}

void run_clean_objects(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("plane");
  const auto w = (int32_t)worked.number("width"), limit = (int32_t)worked.number("limit");
  auto* plane = worked.in_place<uint64_t>("plane", "plane");
  runner.block(pw::clean_objects_bytes(h, w), [&](pw::Scratch scratch) {
    runner.tables->components->clean_objects(plane, h, w, limit / 3, limit, scratch);
  });
}

void run_remove_walls(const Runner& runner, Case& worked) {
  const int64_t bytes = pw::remove_walls_bytes(worked.height("plane"), worked.number("width"));
  run_step(runner, worked, runner.tables->components->remove_walls, bytes);
}

void draw_label(Chance& chance, Case& made) {
  give_plane(chance, made);
  made.give_number("remove_touching", chance.within(0, 1));
}

void run_label(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("plane");
  const auto w = (int32_t)worked.number("width");
  const auto* plane = worked.in<uint64_t>("plane");
  const bool remove_touching = worked.number("remove_touching") != 0;
  auto* labels = worked.result<int32_t>("labels", {h, w});
  Returned<int32_t> count(worked, "count");
  runner.block(pw::label_pieces_bytes(h, w), [&](pw::Scratch scratch) {
    count.put(runner.tables->components->label_pieces(plane, h, w, remove_touching, labels, {}, scratch));
  });
  Array work("i4", {h, w});
  give_runs(runner, worked, h, w, pw::label_pieces_bytes(h, w), [&](pw::LabelRuns found, pw::Scratch scratch) {
    runner.tables->components->label_pieces(plane, h, w, remove_touching, work.data<int32_t>(), found, scratch);
  });
}

void draw_split(Chance& chance, Case& made) {
  const Sides sides = draw_sides(chance);
  give_plane(chance, made, sides);
  give_grey(chance, made, sides);
  made.give_number("depth", chance.one_in(20) ? chance.within(1, 1 << 30) : chance.within(1, 400));
  made.give_number("seam_level", chance.one_in(3) ? 0 : chance.within(1, 255));
  made.give_number("remove_touching", chance.within(0, 1));
}

void run_split(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto* plane = worked.in<uint64_t>("plane");
  const auto* grey = worked.in<uint8_t>("grey");
  const auto depth = (int32_t)worked.number("depth"), seam_level = (int32_t)worked.number("seam_level");
  const bool remove_touching = worked.number("remove_touching") != 0;
  auto* labels = worked.result<int32_t>("labels", {h, w});
  Returned<int32_t> count(worked, "count");
  const auto split = runner.tables->split->split_pieces;
  runner.block(pw::split_bytes(h, w), [&](pw::Scratch scratch) {
    count.put(split(plane, grey, h, w, depth, seam_level, remove_touching, labels, {}, scratch));
  });
  Array work("i4", {h, w});
  give_runs(runner, worked, h, w, pw::split_bytes(h, w), [&](pw::LabelRuns found, pw::Scratch scratch) {
    split(plane, grey, h, w, depth, seam_level, remove_touching, work.data<int32_t>(), found, scratch);
  });
}

}  // namespace

void add_plane_operations(std::vector<Operation>& all) {
  all.push_back({"erode", draw_erode, run_erode});
  all.push_back({"remove_small", draw_pieces, run_remove_small});
  all.push_back({"fill_holes", draw_pieces, run_fill_holes});
  all.push_back({"clean_objects", draw_pieces, run_clean_objects});
  all.push_back({"remove_walls", draw_pieces, run_remove_walls});
  all.push_back({"label_pieces", draw_label, run_label});
  all.push_back({"split", draw_split, run_split});
}
