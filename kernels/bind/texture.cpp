// texture.cpp: steps 2 and 3 of the segmentation for Python: energies, thresholds, bit planes of the foreground.
#include "../cpu/texture.hpp"

#include "door.hpp"

namespace {

void check_range(const std::string& function, const std::string& name, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    door::refuse(function, name + " " + std::to_string(value) + ": expected " + std::to_string(least) + ".." +
                               std::to_string(most));
}

void measure_energies(door::In<uint8_t, door::Frames> grey, int32_t half, door::Out<uint32_t, door::Frames> energy,
                      door::Out<uint32_t, nb::shape<-1, pw::LEVELS>> counts, int32_t threads,
                      const std::string& instructions) {
  const std::string who = "measure_energies";
  const auto frames = (int64_t)grey.shape(0), height = (int64_t)grey.shape(1), width = (int64_t)grey.shape(2);
  door::check_sides(who, height, width);
  check_range(who, "half", half, -1, pw::MAX_TEXTURE_HALF);
  if ((int64_t)energy.shape(0) != frames || (int64_t)energy.shape(1) != height || (int64_t)energy.shape(2) != width)
    door::refuse(who, "energy: expected the shape of grey");
  if ((int64_t)counts.shape(0) != frames) door::refuse(who, "counts: expected one row per frame");
  const TextureTable& table = PW_CHOOSE(texture, door::find_isa(instructions));
  const int64_t size = height * width;
  const int64_t scratch = pw::measure_energy_frame_bytes(width) + pw::measure_energy_bytes(height, width, half, 0, 0);
  nb::gil_scoped_release unlocked;
  door::each_frame(frames, threads, scratch, [&](int64_t f, pw::Scratch memory) {
    table.measure(grey.data() + f * size, (int32_t)height, (int32_t)width, half, energy.data() + f * size,
                  counts.data() + f * pw::LEVELS, memory);
  });
}

void energy_levels(door::In<uint32_t, nb::shape<-1>> energies, door::Out<int32_t, nb::shape<-1>> levels,
                   const std::string& instructions) {
  const std::string who = "energy_levels";
  const auto count = (int64_t)energies.shape(0);
  if ((int64_t)levels.shape(0) != count) door::refuse(who, "levels: expected one per energy");
  check_range(who, "number of energies", count, 0, door::MAX_PIXELS);
  for (int64_t i = 0; i < count; ++i) check_range(who, "energy", energies.data()[i], 0, pw::ENERGY_LIMIT);
  const TextureTable& table = PW_CHOOSE(texture, door::find_isa(instructions));
  nb::gil_scoped_release unlocked;
  door::each_frame(1, 1, pw::taken_bytes(pw::LEVEL_BUCKETS, sizeof(int32_t)), [&](int64_t, pw::Scratch memory) {
    table.levels(energies.data(), (int32_t)count, levels.data(), memory);
  });
}

void check_threshold(const std::string& who, int32_t percent, int32_t floor, int32_t cap) {
  check_range(who, "percent", percent, 1, 200);
  check_range(who, "cap", cap, 0, pw::ENERGY_LIMIT);
  check_range(who, "floor", floor, 0, cap);
}

int32_t choose_threshold(door::In<uint32_t, nb::shape<pw::LEVELS>> counts, int32_t percent, int32_t floor, int32_t cap,
                         const std::string& instructions) {
  const std::string who = "choose_threshold";
  check_threshold(who, percent, floor, cap);
  int64_t total = 0;
  for (int32_t level = 0; level < pw::LEVELS; ++level) total += counts.data()[level];
  check_range(who, "sum of counts", total, 0, door::MAX_PIXELS);
  return PW_CHOOSE(texture, door::find_isa(instructions)).threshold(counts.data(), percent, floor, cap);
}

void binarise_frames(door::In<uint8_t, door::Frames> grey, int32_t half, int32_t ratio, int32_t radius, int32_t percent,
                     int32_t floor, int32_t cap, door::Out<uint64_t, door::Frames> planes,
                     door::Out<int32_t, nb::shape<-1>> thresholds, int32_t threads, const std::string& instructions) {
  const std::string who = "binarise_frames";
  const auto frames = (int64_t)grey.shape(0), height = (int64_t)grey.shape(1), width = (int64_t)grey.shape(2);
  const int64_t words = (width + 63) / 64;
  door::check_sides(who, height, width);
  check_range(who, "half", half, -1, pw::MAX_TEXTURE_HALF);
  check_range(who, "ratio", ratio, 0, pw::ENERGY_LIMIT);
  check_range(who, "radius", radius, 0, door::MAX_SIDE);
  check_threshold(who, percent, floor, cap);
  if ((int64_t)planes.shape(0) != frames || (int64_t)planes.shape(1) != height || (int64_t)planes.shape(2) != words)
    door::refuse(who, "planes: expected " + std::to_string(words) + " words a row, one plane per frame");
  if ((int64_t)thresholds.shape(0) != frames) door::refuse(who, "thresholds: expected one per frame");
  const TextureTable& table = PW_CHOOSE(texture, door::find_isa(instructions));
  const pw::ForegroundNumbers numbers = {half, ratio, radius, percent, floor, cap};
  const int64_t scratch = pw::find_foreground_bytes(height, width, numbers) +
                          pw::measure_energy_bytes(height, width, half, ratio, radius);
  nb::gil_scoped_release unlocked;
  door::each_frame(frames, threads, scratch, [&](int64_t f, pw::Scratch memory) {
    thresholds.data()[f] = table.binarise(grey.data() + f * height * width, (int32_t)height, (int32_t)width, numbers,
                                          planes.data() + f * height * words, memory);
  });
}

}  // namespace

void bind_texture(nb::module_& m) {
  m.attr("LEVELS") = pw::LEVELS;
  m.attr("MAX_TEXTURE_HALF") = pw::MAX_TEXTURE_HALF;
  m.def("measure_energies", &measure_energies, "grey"_a.noconvert(), "half"_a, "energy"_a.noconvert(),
        "counts"_a.noconvert(), "threads"_a = 1, "instructions"_a = "best",
        "Write the energies of step 2 and the counts of their levels.");
  m.def("energy_levels", &energy_levels, "energies"_a.noconvert(), "levels"_a.noconvert(), "instructions"_a = "best",
        "Write the level of every energy.");
  m.def("choose_threshold", &choose_threshold, "counts"_a.noconvert(), "percent"_a, "floor"_a, "cap"_a,
        "instructions"_a = "best", "Return the threshold of a histogram of levels.");
  m.def("binarise_frames", &binarise_frames, "grey"_a.noconvert(), "half"_a, "ratio"_a, "radius"_a, "percent"_a,
        "floor"_a, "cap"_a, "planes"_a.noconvert(), "thresholds"_a.noconvert(), "threads"_a = 1,
        "instructions"_a = "best",
        "Write the bit planes of the foreground after step 3 and the threshold of every frame.");
}
