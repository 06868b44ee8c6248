// lasso_sets.hpp: the training sets of a table before their LASSO paths: means and SDs, and the standardised columns.
#ifndef PHASEWELL_CPU_LASSO_SETS_HPP
#define PHASEWELL_CPU_LASSO_SETS_HPP
#include "lasso_sums.hpp"

namespace pw_lasso {
namespace {

constexpr double CONSTANT = 1e-12;  // a column that varies by less than rounding of its mean carries nothing

void measure(const Rows& rows, bool scaled, double* means, double* scales) {
  constexpr int32_t chunk = 64;  // columns whose sums stay in the nearest memory
  double count = 0.0;
  for (int32_t r = 0; r < rows.n; ++r) count += rows.train[r];
  for (int32_t j = 0; j < rows.columns; j += chunk) {
    const int32_t width = pw::low(chunk, rows.columns - j);
    double mean[chunk] = {}, off[chunk] = {}, square[chunk] = {};
    for (int32_t r = 0; r < rows.n; ++r) {
      if (!rows.train[r]) continue;
      const double* values = rows.values + (int64_t)r * rows.columns + j;
      for (int32_t i = 0; i < width; ++i) mean[i] += values[i];
    }
    for (int32_t i = 0; i < width; ++i) mean[i] /= count;
    for (int32_t r = 0; r < rows.n; ++r) {
      if (!rows.train[r]) continue;
      const double* values = rows.values + (int64_t)r * rows.columns + j;
      for (int32_t i = 0; i < width; ++i) {
        const double from = values[i] - mean[i];
        off[i] += from;
        square[i] += from * from;
      }
    }
    for (int32_t i = 0; i < width; ++i) {
      const double drift = off[i] / count, variance = square[i] / count - drift * drift;
      const double middle = fabs(rows.middle[j + i]), far = fabs(mean[i] + rows.middle[j + i]);
      const double spread = sqrt(variance > 0.0 ? variance : 0.0);
      means[j + i] = mean[i] + drift;
      const bool constant = spread <= CONSTANT * (far > middle ? far : middle);
      scales[j + i] = constant ? 0.0 : scaled ? spread : 1.0;
    }
  }
}

// Return max |Z'y| / learned.
double steepest(const Rows& rows, const double* means, const double* scales, const double* centred) {
  constexpr int32_t chunk = 64;
  double count = 0.0, most = 0.0;
  for (int32_t r = 0; r < rows.n; ++r) count += rows.train[r];
  for (int32_t j = 0; j < rows.columns; j += chunk) {
    const int32_t width = pw::low(chunk, rows.columns - j);
    double sum[chunk] = {};
    for (int32_t r = 0; r < rows.n; ++r) {
      if (!rows.train[r]) continue;
      const double* values = rows.values + (int64_t)r * rows.columns + j;
      for (int32_t i = 0; i < width; ++i) sum[i] += centred[r] * (values[i] - means[j + i]);
    }
    for (int32_t i = 0; i < width; ++i) {
      const double size = scales[j + i] > 0.0 ? fabs(sum[i]) / scales[j + i] : 0.0;
      most = size > most ? size : most;
    }
  }
  return most / count;
}

int64_t table_bytes(int32_t n, int32_t columns, int32_t learned, int32_t n_wanted, bool by_gram) {
  const int64_t stride = padded(columns, STRIDE);
  return 2 * pw::taken_bytes(n, sizeof(int32_t)) + pw::taken_bytes(2 * stride, sizeof(double)) +
         pw::taken_bytes(learned * stride, sizeof(double)) +
         pw::taken_bytes(columns * padded(n_wanted, EIGHT), sizeof(double)) +
         (by_gram ? pw::taken_bytes(columns * stride, sizeof(double)) + pw::taken_bytes(columns, 1) : 0);
}

Table build(const Rows& rows, const double* means, const double* scales, const uint8_t* wanted, bool by_gram,
            pw::Scratch scratch) {
  Table table = {};
  auto* learned_rows = pw::take<int32_t>(scratch, rows.n);
  auto* wanted_rows = pw::take<int32_t>(scratch, rows.n);
  for (int32_t r = 0; r < rows.n; ++r) {
    if (rows.train[r]) learned_rows[table.learned++] = r;
    if (wanted && wanted[r]) wanted_rows[table.n_wanted++] = r;
  }
  table.columns = rows.columns;
  table.stride = padded(rows.columns, STRIDE);
  table.wanted_stride = padded(table.n_wanted, EIGHT);
  auto* inverse = pw::take<double>(scratch, 2 * table.stride);
  double* mean = inverse + table.stride;
  clear(inverse, 2 * table.stride);
  for (int32_t j = 0; j < rows.columns; ++j) {
    inverse[j] = scales[j] > 0.0 ? 1.0 / scales[j] : 0.0;
    mean[j] = means[j];
  }
  auto* learned = pw::take<double>(scratch, table.learned * table.stride);
  for (int32_t r = 0; r < table.learned; ++r) {
    const double* from = rows.values + (int64_t)learned_rows[r] * rows.columns;
    double* to = learned + r * table.stride;
    for (int32_t j = 0; j < rows.columns; ++j) to[j] = (from[j] - mean[j]) * inverse[j];
    clear(to + rows.columns, table.stride - rows.columns);
  }
  auto* predicted = pw::take<double>(scratch, rows.columns * table.wanted_stride);
  clear(predicted, rows.columns * table.wanted_stride);
  for (int32_t r = 0; r < table.n_wanted; ++r) {
    const double* from = rows.values + (int64_t)wanted_rows[r] * rows.columns;
    double* to = predicted + r;
    for (int32_t j = 0; j < rows.columns; ++j) to[j * table.wanted_stride] = (from[j] - mean[j]) * inverse[j];
  }
  table.rows = learned;
  table.learned_rows = learned_rows;
  table.wanted = predicted;
  table.wanted_rows = wanted_rows;
  if (by_gram) {
    table.gram = pw::take<double>(scratch, rows.columns * table.stride);
    table.known = pw::take<uint8_t>(scratch, rows.columns);
    for (int32_t j = 0; j < rows.columns; ++j) table.known[j] = 0;
  }
  return table;
}

}  // namespace
}  // namespace pw_lasso
#endif
