// lasso.cpp: the exact LASSO path of one training set, by a homotopy (least angle regression). Not a device kernel.
//
// The solution of min (1/2n) |y - Zb|^2 + alpha |b|_1 is piecewise linear in alpha. With the active columns A and their
// signs s it is b(alpha) = (Z_A'Z_A)^-1 (Z_A'y - n alpha s), until a column joins (its correlation with the residual
// reaches n alpha) or leaves (its coefficient reaches 0). Correlations come from the rows, Z'(y - Z_A b), or from the
// Gram matrix, Z'y - Z'Z_A b, of which only the rows of columns that join are formed: one loop over rows of either.
// Every segment is solved anew from A and s by a Cholesky factor to which columns are appended and from which they are
// rotated out, so that rounding does not add up along a path.
// Source: Osborne, Presnell, Turlach 2000; Efron, Hastie, Johnstone, Tibshirani 2004.
#include "lasso_sets.hpp"

namespace pw_lasso {
namespace {

constexpr double COPY = 1e-9;       // relative: as close to a combination of active columns, a column never joins
constexpr double SLACK = 1e-15;     // relative: added to the Gram matrix's diagonal, so that near copies have a root
constexpr double TOLERANCE = 1e-7;  // of the optimality conditions, relative to n alpha

// One path on its way: `active` columns in the order in which they joined, and the factor L of their Gram matrix.
struct Walk {
  const Table* table;
  int32_t active, most;
  int64_t width, length;       // strides: of L and all vectors over active columns; of vectors over learned rows
  int32_t* columns;            // (most)
  int32_t* each;               // (learned) 0, 1, ..
  double *signs, *target_sums, *sign_sums;  // (width); the last two are L^-1 Z_A'y and L^-1 n s
  double *constant, *slope;    // (width) b(alpha) = constant - alpha slope
  double *lower, *inverse;     // L (most, width), and 1 / its diagonal
  double* along;               // (most, length) the active columns over the learned rows; none with a Gram matrix
  double* target;              // (length) y of the learned rows
  double* residual;            // (length) y - Z_A constant; with a Gram matrix (width) -constant
  double* fall;                // (length) Z_A slope
  double* correlations;        // (stride) Z'y
  double *at_zero, *falls;     // (wanted_stride) of the predictions
  Falling falling;
};

int32_t most_active(int32_t columns, int32_t learned) { return pw::high(pw::low(columns, learned - 1), 1); }

int64_t path_bytes(int32_t columns, int32_t learned, int32_t n_wanted, bool by_gram) {
  const int64_t most = most_active(columns, learned), width = padded(most, EIGHT), length = padded(learned, EIGHT);
  const int64_t of_active = pw::taken_bytes(width, sizeof(double)), of_rows = pw::taken_bytes(length, sizeof(double));
  return pw::taken_bytes(most, sizeof(int32_t)) + pw::taken_bytes(learned, sizeof(int32_t)) + 7 * of_active +
         3 * of_rows + pw::taken_bytes(most * width, sizeof(double)) +
         pw::taken_bytes(by_gram ? 0 : most * length, sizeof(double)) +
         4 * pw::taken_bytes(padded(columns, STRIDE), sizeof(double)) +
         2 * pw::taken_bytes(padded(n_wanted, EIGHT), sizeof(double));
}

Walk begin(const Table& table, const double* centred, pw::Scratch scratch) {
  Walk walk = {};
  walk.table = &table;
  walk.most = most_active(table.columns, table.learned);
  walk.width = padded(walk.most, EIGHT);
  walk.length = padded(table.learned, EIGHT);
  walk.columns = pw::take<int32_t>(scratch, walk.most);
  walk.each = pw::take<int32_t>(scratch, table.learned);
  const auto vector = [&](int64_t count) {
    auto* taken = pw::take<double>(scratch, count);
    clear(taken, count);
    return taken;
  };
  walk.signs = vector(walk.width);
  walk.target_sums = vector(walk.width);
  walk.sign_sums = vector(walk.width);
  walk.constant = vector(walk.width);
  walk.slope = vector(walk.width);
  walk.inverse = vector(walk.width);
  walk.lower = pw::take<double>(scratch, walk.most * walk.width);
  walk.along = pw::take<double>(scratch, table.gram ? 0 : walk.most * walk.length);
  walk.target = vector(walk.length);
  walk.residual = vector(table.gram ? walk.width : walk.length);
  walk.fall = vector(walk.length);
  walk.correlations = vector(table.stride);
  walk.falling.constant = vector(table.stride);
  walk.falling.slope = vector(table.stride);
  walk.falling.joins_at = vector(table.stride);
  walk.at_zero = vector(table.wanted_stride);
  walk.falls = vector(table.wanted_stride);
  for (int32_t r = 0; r < walk.length; ++r) walk.target[r] = r < table.learned ? centred[table.learned_rows[r]] : 0.0;
  for (int32_t r = 0; r < table.learned; ++r) walk.each[r] = r;
  add_rows(table.rows, table.stride, table.learned, walk.target, walk.correlations);
  return walk;
}

// Return the row of the Gram matrix of a column, which is formed when the column first joins a path of the set.
const double* gram_row(const Walk& walk, int32_t column) {
  const Table& table = *walk.table;
  double* row = table.gram + column * table.stride;
  if (!table.known[column]) {
    for (int32_t r = 0; r < table.learned; ++r) walk.fall[r] = table.rows[r * table.stride + column];
    add_rows(table.rows, table.stride, table.learned, walk.fall, row);
    table.known[column] = 1;
  }
  return row;
}

// Append a column to L; false when it depends on the active ones.
bool join(Walk& walk, int32_t column, double sign) {
  const Table& table = *walk.table;
  const int32_t at = walk.active;
  double *row = walk.lower + at * walk.width, *values = walk.along + at * walk.length, *products = walk.slope;
  double own = 0.0;
  if (table.gram) {
    const double* gram = gram_row(walk, column);
    for (int32_t i = 0; i < at; ++i) products[i] = gram[walk.columns[i]];
    own = gram[column];
  } else {
    for (int32_t r = 0; r < table.learned; ++r) values[r] = table.rows[r * table.stride + column];
    clear(values + table.learned, walk.length - table.learned);
    for (int32_t i = 0; i < at; ++i) products[i] = dot(walk.along + i * walk.length, values, walk.length);
    own = dot(values, values, walk.length);
  }
  clear(row, walk.width);  // what is not solved yet counts nothing in a product of whole vectors
  for (int32_t i = 0; i < at; ++i)
    row[i] = (products[i] - dot(walk.lower + i * walk.width, row, padded(i, EIGHT))) * walk.inverse[i];
  const int64_t upto = padded(at, EIGHT);
  const double left = own * (1.0 + SLACK) - dot(row, row, upto);
  if (!(left > 0.0)) return false;
  const double root = sqrt(left);
  walk.inverse[at] = 1.0 / root;
  walk.target_sums[at] = (walk.correlations[column] - dot(row, walk.target_sums, upto)) * walk.inverse[at];
  walk.sign_sums[at] = (table.learned * sign - dot(row, walk.sign_sums, upto)) * walk.inverse[at];
  row[at] = root;
  walk.columns[at] = column;
  walk.signs[at] = sign;
  ++walk.active;
  return true;
}

// Rotate an active column out of L.
void leave(Walk& walk, int32_t place) {
  const Table& table = *walk.table;
  --walk.active;
  for (int32_t i = place; i < walk.active; ++i) {
    walk.columns[i] = walk.columns[i + 1];
    walk.signs[i] = walk.signs[i + 1];
    double *row = walk.lower + i * walk.width, *along = walk.along + i * walk.length;
    for (int32_t k = 0; k < i + 2; ++k) row[k] = row[walk.width + k];
    if (!table.gram)
      for (int64_t r = 0; r < walk.length; ++r) along[r] = along[walk.length + r];
  }
  double *cosine = walk.constant, *sine = walk.slope;  // solved anew before they are read as coefficients
  for (int32_t i = place; i < walk.active; ++i) {
    double* row = walk.lower + i * walk.width;
    for (int32_t k = place; k < i; ++k) {
      const double left = row[k], right = row[k + 1];
      row[k] = cosine[k] * left + sine[k] * right;
      row[k + 1] = cosine[k] * right - sine[k] * left;
    }
    const double root = sqrt(row[i] * row[i] + row[i + 1] * row[i + 1]);
    cosine[i] = row[i] / root;
    sine[i] = row[i + 1] / root;
    row[i] = root;
    row[i + 1] = 0.0;
    walk.inverse[i] = 1.0 / root;
  }
  clear(walk.target_sums + place, walk.active + 1 - place);
  clear(walk.sign_sums + place, walk.active + 1 - place);
  for (int32_t i = place; i < walk.active; ++i) {
    const double* row = walk.lower + i * walk.width;
    const int64_t upto = padded(i, EIGHT);
    walk.target_sums[i] = (walk.correlations[walk.columns[i]] - dot(row, walk.target_sums, upto)) * walk.inverse[i];
    walk.sign_sums[i] = (table.learned * walk.signs[i] - dot(row, walk.sign_sums, upto)) * walk.inverse[i];
  }
}

// Solve the present segment: constant and slope of the active coefficients.
void solve(Walk& walk) {
  double *constant = walk.constant, *slope = walk.slope;
  for (int64_t i = 0; i < walk.width; ++i) {
    constant[i] = i < walk.active ? walk.target_sums[i] : 0.0;
    slope[i] = i < walk.active ? walk.sign_sums[i] : 0.0;
  }
  for (int32_t i = walk.active - 1; i >= 0; --i) {
    const double* row = walk.lower + i * walk.width;
    const double first = constant[i] * walk.inverse[i], second = slope[i] * walk.inverse[i];
    for (int32_t k = 0; k < i; ++k) {
      constant[k] -= first * row[k];
      slope[k] -= second * row[k];
    }
    constant[i] = first;
    slope[i] = second;
  }
}

// Compute the correlations of all columns along the present segment.
void look_ahead(Walk& walk, double alpha) {
  const Table& table = *walk.table;
  const double n = table.learned, least = COPY * n;
  if (table.gram) {
    for (int32_t i = 0; i < walk.active; ++i) walk.residual[i] = -walk.constant[i];
    correlate(table.gram, table.stride, walk.columns, walk.active, walk.residual, walk.slope, walk.correlations, n,
              least, alpha, walk.falling);
    return;
  }
  for (int64_t r = 0; r < walk.length; r += LANES) {
    Wide residual = read(walk.target + r), fall = {};
    for (int32_t i = 0; i < walk.active; ++i) {
      const Wide values = read(walk.along + i * walk.length + r);
      residual -= repeat(walk.constant[i]) * values;
      fall += repeat(walk.slope[i]) * values;
    }
    write(walk.residual + r, residual);
    write(walk.fall + r, fall);
  }
  correlate(table.rows, table.stride, walk.each, table.learned, walk.residual, walk.fall, nullptr, n, least, alpha,
            walk.falling);
}

// Return why the present segment cannot be a piece of the path, or EXACT.
int32_t check(const Walk& walk, double alpha, bool joined) {
  const double n = walk.table->learned;
  const int32_t last = walk.active - 1;
  if (joined && !(walk.slope[last] * walk.signs[last] >= 0.0)) return WRONG_WAY;
  for (int32_t i = 0; i < walk.active; ++i) {
    const double c = walk.falling.constant[walk.columns[i]] / n, d = walk.falling.slope[walk.columns[i]] / n;
    if (!(fabs(c) <= TOLERANCE * alpha && fabs(d - walk.signs[i]) <= TOLERANCE)) return OFF_EDGE;
  }
  return walk.falling.beyond <= TOLERANCE * n * alpha ? EXACT : OUTSIDE;
}

// What ends the present segment.
struct Knot {
  double alpha;
  int32_t column;  // that joins, or -1
  int32_t place;   // of the active column that leaves, or -1
};

// `column_left` left at the present alpha, from the side `sign_left` of its band: there it is at the edge and goes in.
Knot find_knot(Walk& walk, double alpha, int32_t column_left, double sign_left) {
  Knot knot = {0.0, -1, -1};
  double* joins_at = walk.falling.joins_at;
  if (walk.active < walk.most) {
    for (int32_t i = 0; i < walk.active; ++i) joins_at[walk.columns[i]] = 0.0;
    if (column_left >= 0 && walk.falling.constant[column_left] * sign_left > 0.0) joins_at[column_left] = 0.0;
    knot.column = find_largest(joins_at, walk.table->stride);
    knot.alpha = joins_at[knot.column] < alpha ? joins_at[knot.column] : alpha;
  }
  // only a coefficient that shrinks as alpha falls can reach 0: one that joined just now starts there and grows
  for (int32_t i = 0; i < walk.active; ++i) {
    if (!(walk.slope[i] * walk.signs[i] < 0.0)) continue;
    double zero = walk.constant[i] / walk.slope[i];
    if (zero > alpha) zero = alpha;
    if (zero > knot.alpha) knot = {zero, -1, i};
  }
  return knot;
}

// Write the solutions at the alphas from `first` up to `end`, which lie on the present segment.
void answer(const Walk& walk, const Question& question, int32_t first, int32_t end) {
  const Table& table = *walk.table;
  if (question.coefficients)
    for (int32_t a = first; a < end; ++a)
      for (int32_t i = 0; i < walk.active; ++i)
        question.coefficients[(int64_t)a * table.columns + walk.columns[i]] =
            walk.constant[i] - question.alphas[a] * walk.slope[i];
  if (!question.fitted || !table.n_wanted) return;
  clear(walk.at_zero, table.wanted_stride);
  clear(walk.falls, table.wanted_stride);
  for (int32_t i = 0; i < walk.active; ++i) {
    const double* values = table.wanted + walk.columns[i] * table.wanted_stride;
    add_scaled(walk.at_zero, walk.constant[i], values, table.wanted_stride);
    add_scaled(walk.falls, walk.slope[i], values, table.wanted_stride);
  }
  for (int32_t r = 0; r < table.n_wanted; ++r) {
    double* fitted = question.fitted + (int64_t)table.wanted_rows[r] * (1 + question.n_alphas) + 1;
    for (int32_t a = first; a < end; ++a)
      fitted[a] = question.intercept + (walk.at_zero[r] - question.alphas[a] * walk.falls[r]);
  }
}

// What holds above the path: every coefficient is 0.
void answer_mean(const Table& table, const Question& question) {
  if (question.coefficients) clear(question.coefficients, (int64_t)question.n_alphas * table.columns);
  if (!question.fitted) return;
  for (int32_t r = 0; r < table.n_wanted; ++r) {
    double* fitted = question.fitted + (int64_t)table.wanted_rows[r] * (1 + question.n_alphas);
    for (int32_t a = 0; a <= question.n_alphas; ++a) fitted[a] = question.intercept;
  }
}

int32_t follow(const Table& table, const Question& question, pw::Scratch scratch) {
  answer_mean(table, question);
  int32_t next = 0;  // the first alpha without an answer
  while (next < question.n_alphas && question.alphas[next] >= question.largest) ++next;
  if (next == question.n_alphas) return EXACT;
  Walk walk = begin(table, question.centred, scratch);
  for (int64_t j = 0; j < table.stride; ++j) walk.falling.joins_at[j] = fabs(walk.correlations[j]);
  const int32_t first = find_largest(walk.falling.joins_at, table.stride);
  if (!join(walk, first, walk.correlations[first] > 0.0 ? 1.0 : -1.0)) return DEPENDENT;
  double alpha = question.largest, sign_left = 0.0;
  int32_t column_left = -1;
  bool joined = true;
  for (int64_t segment = 0; segment < 20 * (int64_t)walk.most + 70; ++segment) {
    solve(walk);
    look_ahead(walk, alpha);
    if (const int32_t reason = check(walk, alpha, joined)) return reason;
    const Knot knot = find_knot(walk, alpha, column_left, sign_left);
    int32_t end = next;
    while (end < question.n_alphas && question.alphas[end] >= knot.alpha) ++end;
    if (end > next) answer(walk, question, next, end);
    next = end;
    if (next == question.n_alphas) return EXACT;
    alpha = knot.alpha;
    joined = knot.place < 0;
    if (joined) {
      column_left = -1;
      if (!join(walk, knot.column, walk.falling.constant[knot.column] > 0.0 ? 1.0 : -1.0)) return DEPENDENT;
    } else {
      column_left = walk.columns[knot.place];
      sign_left = walk.signs[knot.place];
      leave(walk, knot.place);
    }
  }
  return ENDLESS;
}

}  // namespace
}  // namespace pw_lasso

PW_TABLE(LassoTable, lasso) = {pw_lasso::measure, pw_lasso::steepest,   pw_lasso::table_bytes,
                               pw_lasso::build,   pw_lasso::path_bytes, pw_lasso::follow};
