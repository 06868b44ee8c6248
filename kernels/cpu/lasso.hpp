// lasso.hpp: the table of the exact LASSO paths. Not a device kernel: float64, small matrices, one path on one thread.
#ifndef PHASEWELL_CPU_LASSO_HPP
#define PHASEWELL_CPU_LASSO_HPP
#include "../phasewell_kernels/grid.cuh"
#include "tables.hpp"

namespace pw_lasso {

// A training set: some rows of a table. Values are the table's less `middle`, so that no column lies far from 0.
struct Rows {
  const double* values;   // (n, columns)
  const double* middle;   // (columns)
  const uint8_t* train;   // (n), 1 where a row is learned from
  int32_t n, columns;
};

// The same set standardised, and where the correlations of its columns with a residual come from.
struct Table {
  const double* rows;      // (learned, stride); columns from `columns` on are 0
  double* gram;            // rows' rows (columns, stride), as far as `known` (columns); null: from the rows themselves
  uint8_t* known;
  const int32_t* learned_rows;  // (learned) their places in the table
  const double* wanted;    // (columns, wanted_stride) of the rows to predict, column by column
  const int32_t* wanted_rows;  // (n_wanted) their places in the table
  int32_t learned, columns, n_wanted;
  int64_t stride, wanted_stride;
};

// What one path is asked: solutions at `alphas` (n_alphas), descending; null for what is not wanted.
struct Question {
  const double* centred;  // (n) target less its mean over the learned rows
  const double* alphas;
  int32_t n_alphas;
  double largest;         // at and above this alpha every coefficient is 0
  double intercept;
  double* fitted;         // (n, 1 + n_alphas): intercept, then every alpha; rows that are not wanted are not touched
  double* coefficients;   // (n_alphas, columns)
};

// why a path is given up: what it says would not fulfil the optimality conditions
enum Reason : int32_t { EXACT = 0, OFF_EDGE = 1, OUTSIDE = 2, WRONG_WAY = 3, DEPENDENT = 4, ENDLESS = 5 };

}  // namespace pw_lasso

struct LassoTable {
  // means and SDs (columns) of the learned rows; an SD of 0 is a constant column; not scaled: an SD of 1 instead
  void (*measure)(const pw_lasso::Rows& rows, bool scaled, double* means, double* scales);
  // max |Z'y| / learned
  double (*steepest)(const pw_lasso::Rows& rows, const double* means, const double* scales, const double* centred);
  int64_t (*table_bytes)(int32_t n, int32_t columns, int32_t learned, int32_t n_wanted, bool by_gram);
  // `wanted` (n) may be null
  pw_lasso::Table (*build)(const pw_lasso::Rows& rows, const double* means, const double* scales, const uint8_t* wanted,
                           bool by_gram, pw::Scratch scratch);
  int64_t (*path_bytes)(int32_t columns, int32_t learned, int32_t n_wanted, bool by_gram);
  int32_t (*follow)(const pw_lasso::Table& table, const pw_lasso::Question& question, pw::Scratch scratch);
};
PW_DECLARE_TABLES(LassoTable, lasso);
#endif
