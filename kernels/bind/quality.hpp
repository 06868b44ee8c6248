// quality.hpp: where the quality sums of frames go.
#ifndef PHASEWELL_BIND_QUALITY_HPP
#define PHASEWELL_BIND_QUALITY_HPP
#include "../cpu/quality.hpp"
#include "door.hpp"

namespace quality {

using Integers = door::Out<int64_t, nb::shape<-1, pw::QUALITY_INTEGERS>>;
using Lines = door::Out<uint32_t, nb::shape<-1, -1>>;

// of one frame
struct Sums {
  int64_t* integers = nullptr;
  uint32_t* rows = nullptr;
  uint32_t* columns = nullptr;
};

// ValueError unless the arrays are those of so many frames
void check(const std::string& function, int64_t frames, int64_t height, int64_t width, const Integers& integers,
           const Lines& rows, const Lines& columns);

inline Sums sums_of(int64_t frame, const Integers& integers, const Lines& rows, const Lines& columns) {
  return {integers.data() + frame * pw::QUALITY_INTEGERS, rows.data() + frame * (int64_t)rows.shape(1),
          columns.data() + frame * (int64_t)columns.shape(1)};
}

}  // namespace quality
#endif
