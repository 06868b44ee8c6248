// bind/cnn_input.cpp: the CNN input for Python.
#include "../cpu/cnn_input.hpp"

#include <cmath>

#include "door.hpp"

namespace {

void cnn_input(door::In<uint8_t, door::Frames> pixels, const std::string& mode, door::Out<uint8_t, door::Frames> images,
               door::Out<int64_t, nb::shape<-1, pw::INPUT_INTEGERS>> integers, int32_t threads,
               const std::string& instructions) {
  const std::string name = "cnn_input";
  const int64_t count = (int64_t)pixels.shape(0), height = (int64_t)pixels.shape(1), width = (int64_t)pixels.shape(2);
  if (mode != "offset" && mode != "gain") door::refuse(name, "mode " + mode + ": expected offset or gain");
  if (height % pw::SHRINK || width % pw::SHRINK || !height || !width)
    door::refuse(name, "frames of " + std::to_string(height) + " x " + std::to_string(width) +
                           " px: expected sides divisible by 4; crop them");
  door::check_sides(name, height, width);
  if ((int64_t)images.shape(0) != count || (int64_t)images.shape(1) != height / pw::SHRINK ||
      (int64_t)images.shape(2) != width / pw::SHRINK)
    door::refuse(name, "images must be (frames, height / 4, width / 4)");
  if ((int64_t)integers.shape(0) != count) door::refuse(name, "integers must have one row per frame");
  const CnnInputTable& table = PW_CHOOSE(cnn_input, door::find_isa(instructions));
  const bool by_gain = mode == "gain";
  const int64_t size = height * width;
  nb::gil_scoped_release unlocked;
  door::each_frame(count, threads, pw::prepare_frame_bytes(), [&](int64_t f, pw::Scratch memory) {
    table.prepare(pixels.data() + f * size, (int32_t)height, (int32_t)width, by_gain,
                  images.data() + f * (size / (pw::SHRINK * pw::SHRINK)),
                  integers.data() + f * pw::INPUT_INTEGERS, memory);
  });
}

using Channels = door::In<float, nb::shape<-1>>;

// numbers in a range where no result is subnormal: a GPU may round those to zero
void check_scale(Channels mean, Channels deviation) {
  constexpr float least = 1.0f / (1 << 20), most = 1 << 20;
  const auto channels = (int64_t)mean.shape(0);
  if (channels < 1 || channels > 16 || (int64_t)deviation.shape(0) != channels)
    door::refuse("scale_images", "mean and deviation must have one value per channel, 1..16 channels");
  for (int64_t c = 0; c < channels; ++c) {
    const float level = std::fabs(mean.data()[c]), deviates = deviation.data()[c];
    if (!(level == 0 || (level >= least && level <= most)) || !(deviates >= least && deviates <= most))
      door::refuse("scale_images",
                   "channel " + std::to_string(c) + ": expected a mean of 0 or of magnitude 2^-20..2^20, " +
                                       "and a deviation of 2^-20..2^20");
  }
}

void scale_images(door::In<uint8_t, door::Frames> images, Channels mean, Channels deviation,
                  door::Out<float, nb::shape<-1, -1, -1, -1>> scaled,
                  int32_t threads, const std::string& instructions) {
  const std::string name = "scale_images";
  const int64_t count = (int64_t)images.shape(0), height = (int64_t)images.shape(1), width = (int64_t)images.shape(2);
  const auto channels = (int64_t)mean.shape(0);
  door::check_sides(name, height, width);
  check_scale(mean, deviation);
  if ((int64_t)scaled.shape(0) != count || (int64_t)scaled.shape(1) != channels || (int64_t)scaled.shape(2) != height ||
      (int64_t)scaled.shape(3) != width)
    door::refuse(name, "scaled must be (images, channels, height, width)");
  const CnnInputTable& table = PW_CHOOSE(cnn_input, door::find_isa(instructions));
  const int64_t size = height * width;
  nb::gil_scoped_release unlocked;
  door::each_frame(count, threads, 0, [&](int64_t f, pw::Scratch) {
    table.scale(images.data() + f * size, (int32_t)size, mean.data(), deviation.data(), (int32_t)channels,
                scaled.data() + f * size * channels);
  });
}

}  // namespace

void bind_cnn_input(nb::module_& m) {
  m.attr("INPUT_INTEGERS") = pw::INPUT_INTEGERS;
  m.def("cnn_input", &cnn_input, "pixels"_a.noconvert(), "mode"_a, "images"_a.noconvert(), "integers"_a.noconvert(),
        "threads"_a = 1, "instructions"_a = "best", "Adjust frames to mean grey 130 and divide their sides by four.");
  m.def("check_scale", &check_scale, "mean"_a.noconvert(), "deviation"_a.noconvert(),
        "Raise ValueError unless scale_images takes these numbers.");
  m.def("scale_images", &scale_images, "images"_a.noconvert(), "mean"_a.noconvert(), "deviation"_a.noconvert(),
        "scaled"_a.noconvert(), "threads"_a = 1, "instructions"_a = "best",
        "Scale grey images to float32 and repeat them over channels.");
}
