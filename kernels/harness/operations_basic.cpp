// operations_basic.cpp: the vocabulary, the synthetic frames and the CNN input.
#include "operation.hpp"

namespace {

void draw_scan(Chance& chance, Case& made) {
  const int32_t count = chance.within(0, 300);
  auto* values = made.give<int32_t>("values", {count});
  for (int32_t i = 0; i < count; ++i) values[i] = chance.within(-1000, 100000);
}

void run_scan(const Runner& runner, Case& worked) {
  const auto count = (int32_t)worked.at("values").shape[0];
  auto* values = worked.in_place<int32_t>("before", "values");
  auto* total = worked.result<int32_t>("total", {});
  runner.block(pw::SCAN_BYTES,
               [&](pw::Scratch scratch) { runner.tables->vocabulary->scan(values, count, total, scratch); });
}

void draw_gather(Chance& chance, Case& made) {
  const Sides sides = draw_sides(chance);
  auto* values = made.give<int32_t>("values", {sides.h, sides.w});
  for (int32_t i = 0; i < sides.h * sides.w; ++i) values[i] = chance.within(0, (1 << 20) - 1);
}

void run_gather(const Runner& runner, Case& worked) {
  const auto* values = worked.in<int32_t>("values");
  const int32_t h = worked.height("values"), w = worked.width("values");
  auto* out = worked.result<int64_t>("out", {4});
  auto* counts = worked.result<uint32_t>("counts", {64});
  runner.block(3 * pw::ALIGNMENT, [&](pw::Scratch scratch) {
    runner.tables->vocabulary->gather(values, h, w, out, counts, scratch);
  });
}

void draw_cell(Chance& chance, Sides sides, pw::RenderCell& cell) {
  cell.y = chance.within(-160, 16 * sides.h + 160);
  cell.x = chance.within(-160, 16 * sides.w + 160);
  cell.cosine = chance.within(-16384, 16384);
  cell.sine = chance.within(-16384, 16384);
  cell.half_length = chance.within(1, 600);
  cell.knot_scale = (pw::KNOTS - 1) * 131072 / cell.half_length;  // the whole length onto the knots
  cell.top = cell.y / 16 - chance.within(0, 60);
  cell.left = cell.x / 16 - chance.within(0, 60);
  cell.bottom = cell.y / 16 + chance.within(0, 60);
  cell.right = cell.x / 16 + chance.within(0, 60);
  cell.kind = chance.within(0, 2);
  cell.label = chance.within(0, 9);
  cell.amplitude = chance.within(-512, 512);
  cell.plateau = chance.within(-800, 800);
  cell.texture_amplitude = chance.within(0, 600);
  cell.texture_scale = chance.within(0, 1024);
  cell.texture_v = chance.within(0, 255);
  cell.texture_u = chance.within(0, 255);
  cell.nucleus_u = chance.within(-300, 300);
  cell.nucleus_scale = chance.within(0, 65535);
  cell.nucleus_amplitude = chance.within(-500, 500);
  cell.upper_most = chance.within(0, 400);
  cell.lower_most = -chance.within(0, 400);
  cell.most_pp = chance.within(0, 900);
  cell.most_pm = chance.within(0, 900);
  cell.most_mp = chance.within(0, 900);
  cell.most_mm = chance.within(0, 900);
}

void draw_render(Chance& chance, Case& made) {
  const Sides sides{chance.within(1, 70), chance.within(1, 300)};
  const int32_t n = chance.within(0, 6);
  made.give_number("height", sides.h);
  made.give_number("width", sides.w);
  auto* frame = made.give<int32_t>("frame", {pw::FRAME_FIELDS});
  for (int32_t i = 0; i < pw::FRAME_FIELDS; ++i) frame[i] = chance.within(-200, 2000);
  auto* cells = made.give<int32_t>("cells", {n, pw::CELL_FIELDS});
  for (int32_t c = 0; c < n; ++c) draw_cell(chance, sides, reinterpret_cast<pw::RenderCell*>(cells)[c]);
  auto* outlines = made.give<int16_t>("outlines", {n, pw::KNOTS, 4});
  for (int32_t i = 0; i < n * pw::KNOTS * 4; ++i)
    outlines[i] = (int16_t)(i % 4 == 1 ? -chance.within(0, 400) : chance.within(0, i % 4 ? 256 : 400));
  auto* profiles = made.give<int16_t>("profiles", {3, pw::PROFILE});
  for (int32_t i = 0; i < 3 * pw::PROFILE; ++i) profiles[i] = (int16_t)chance.within(-1600, 1600);
  for (const auto& [name, width] : {std::pair{"texture", pw::TEXTURE}, std::pair{"mottle", pw::MOTTLE_W}}) {
    auto* tile = made.give<int8_t>(name, {pw::TEXTURE, width});
    for (int32_t i = 0; i < pw::TEXTURE * width; ++i) tile[i] = (int8_t)(i * 37 % 256 - 128);
  }
  made.give_number("reach", chance.within(0, 200));
  made.give_number("profile_scale", chance.within(1, 65536 / 8));
}

void run_render(const Runner& runner, Case& worked) {
  const auto h = (int32_t)worked.number("height"), w = (int32_t)worked.number("width");
  const auto n = (int32_t)worked.at("cells").shape[0];
  const auto& frame = *reinterpret_cast<const pw::RenderFrame*>(worked.in<int32_t>("frame"));
  const auto* cells = reinterpret_cast<const pw::RenderCell*>(worked.in<int32_t>("cells"));
  const auto *outlines = worked.in<int16_t>("outlines"), *profiles = worked.in<int16_t>("profiles");
  const auto *texture = worked.in<int8_t>("texture"), *mottle = worked.in<int8_t>("mottle");
  const auto reach = (int32_t)worked.number("reach"), scale = (int32_t)worked.number("profile_scale");
  auto* pixels = worked.result<uint8_t>("pixels", {h, w});
  auto* labels = worked.result<int32_t>("labels", {h, w});
  runner.block(pw::TILE_H * pw::TILE_W * 8, [&](pw::Scratch scratch) {
    runner.tables->render->render(frame, cells, outlines, n, profiles, texture, mottle, reach, scale, h, w, pixels,
                                  labels, scratch);
  });
}

void draw_cnn_input(Chance& chance, Case& made) {
  give_grey(chance, made, {4 * chance.within(1, 20), 4 * chance.within(1, 20)});
  made.give_number("by_gain", chance.within(0, 1));
}

void run_cnn_input(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto* grey = worked.in<uint8_t>("grey");
  const bool by_gain = worked.number("by_gain") != 0;
  auto* picture = worked.result<uint8_t>("picture", {h / pw::SHRINK, w / pw::SHRINK});
  auto* integers = worked.result<int64_t>("integers", {pw::INPUT_INTEGERS});
  runner.block(pw::prepare_frame_bytes(), [&](pw::Scratch scratch) {
    runner.tables->cnn_input->prepare(grey, h, w, by_gain, picture, integers, scratch);
  });
}

void draw_scale(Chance& chance, Case& made) {
  give_grey(chance, made);
  const int32_t channels = chance.within(1, 4);
  auto* means = made.give<float>("means", {channels});
  auto* deviations = made.give<float>("deviations", {channels});
  for (int32_t c = 0; c < channels; ++c) {
    means[c] = (float)chance.within(0, 1000) / 1000.0f;
    deviations[c] = (float)chance.within(1, 1000) / 1000.0f;
  }
}

void run_scale(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto channels = (int32_t)worked.at("means").shape[0];
  const auto* grey = worked.in<uint8_t>("grey");
  const auto *means = worked.in<float>("means"), *deviations = worked.in<float>("deviations");
  auto* scaled = worked.result<float>("scaled", {channels, h, w});
  runner.block(0, [&](pw::Scratch) {
    runner.tables->cnn_input->scale(grey, h * w, means, deviations, channels, scaled);
  });
}

}  // namespace

void add_basic_operations(std::vector<Operation>& all) {
  all.push_back({"scan", draw_scan, run_scan});
  all.push_back({"gather", draw_gather, run_gather});
  all.push_back({"render", draw_render, run_render});
  all.push_back({"cnn_input", draw_cnn_input, run_cnn_input});
  all.push_back({"scale", draw_scale, run_scale});
}
