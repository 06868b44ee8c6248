// operations_texture.cpp: texture and threshold.
#include "operation.hpp"

namespace {

void draw_energies(Chance& chance, Case& made) {
  give_grey(chance, made);
  made.give_number("half", chance.within(-1, pw::MAX_TEXTURE_HALF));
}

void run_energies(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto half = (int32_t)worked.number("half");
  const auto* grey = worked.in<uint8_t>("grey");
  auto* energy = worked.result<uint32_t>("energy", {h, w});
  auto* counts = worked.result<uint32_t>("counts", {pw::LEVELS});
  const int64_t bytes = pw::measure_energy_frame_bytes(w) + pw::measure_energy_bytes(h, w, half, 0, 0);
  runner.block(bytes, [&](pw::Scratch scratch) {
    runner.tables->texture->measure(grey, h, w, half, energy, counts, scratch);
  });
}

void draw_binarise(Chance& chance, Case& made) {
  draw_energies(chance, made);
  made.give_number("ratio", chance.one_in(2) ? 0 : chance.within(1, 200));
  made.give_number("radius", chance.within(0, 14));
  made.give_number("percent", chance.within(1, 200));
  const int32_t caps[] = {0, 100, 254, 255, 3000, 65534, 65535, 100000, pw::ENERGY_LIMIT};
  const int32_t cap = caps[chance.within(0, 8)];
  made.give_number("cap", cap);
  made.give_number("floor", chance.one_in(3) ? 0 : chance.within(0, cap));
}

void run_binarise(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto number = [&](const char* name) { return (int32_t)worked.number(name); };
  const pw::ForegroundNumbers numbers{number("half"),    number("ratio"), number("radius"),
                                      number("percent"), number("floor"), number("cap")};
  const int64_t bytes = pw::find_foreground_bytes(h, w, numbers) +
                        pw::measure_energy_bytes(h, w, numbers.half, numbers.ratio, numbers.radius);
  const auto* grey = worked.in<uint8_t>("grey");
  auto* plane = worked.result<uint64_t>("plane", {h, pw::plane_words(w)});
  Returned<int32_t> threshold(worked, "threshold");
  runner.block(bytes, [&](pw::Scratch scratch) {
    threshold.put(runner.tables->texture->binarise(grey, h, w, numbers, plane, scratch));
  });
}

void draw_levels(Chance& chance, Case& made) {
  const int32_t count = chance.within(0, 300);
  auto* energies = made.give<uint32_t>("energies", {count});
  for (int32_t i = 0; i < count; ++i)
    energies[i] = (uint32_t)chance.within(0, chance.one_in(2) ? 2000 : pw::ENERGY_LIMIT);
}

void run_levels(const Runner& runner, Case& worked) {
  const auto count = (int32_t)worked.at("energies").shape[0];
  const auto* energies = worked.in<uint32_t>("energies");
  auto* levels = worked.result<int32_t>("levels", {count});
  runner.block(pw::taken_bytes(pw::LEVEL_BUCKETS, sizeof(int32_t)), [&](pw::Scratch scratch) {
    runner.tables->texture->levels(energies, count, levels, scratch);
  });
}

}  // namespace

void add_texture_operations(std::vector<Operation>& all) {
  all.push_back({"energies", draw_energies, run_energies});
  all.push_back({"levels", draw_levels, run_levels});
  all.push_back({"binarise", draw_binarise, run_binarise});
}
