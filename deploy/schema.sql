-- The results schema of phasewell for PostgreSQL, as `phasewell load` makes it in an empty database.
-- Generated from the migrations and the table descriptions; do not edit. Apply with:
--   psql --single-transaction --set ON_ERROR_STOP=1 --file schema.sql DATABASE

CREATE SCHEMA IF NOT EXISTS phasewell_store;

CREATE SCHEMA IF NOT EXISTS phasewell;

CREATE TABLE phasewell_store.schema_version (
  version integer,
  description text COLLATE "C" NOT NULL,
  applied_by text COLLATE "C" NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (version)
);

CREATE TABLE phasewell_store.columns (
  table_name text COLLATE "C",
  column_name text COLLATE "C",
  position integer,
  type text COLLATE "C",
  unit text COLLATE "C",
  description text COLLATE "C",
  PRIMARY KEY (table_name, column_name)
);

CREATE TABLE phasewell_store.runs (
  run_no integer GENERATED ALWAYS AS IDENTITY,
  run_id text COLLATE "C" NOT NULL UNIQUE,
  plate text COLLATE "C" NOT NULL,
  plate_digest text COLLATE "C",
  code_version text COLLATE "C",
  definitions text COLLATE "C",
  schema_version integer,
  config json,
  n_parts bigint,
  n_expected bigint,
  n_processed bigint,
  n_quarantined bigint,
  n_missing bigint,
  tables_sha256 text COLLATE "C",
  loaded_at timestamp with time zone,
  PRIMARY KEY (run_no)
);

CREATE TABLE phasewell_store.current_run (
  plate text COLLATE "C",
  run_no integer NOT NULL UNIQUE REFERENCES phasewell_store.runs,
  PRIMARY KEY (plate)
);

CREATE TABLE phasewell_store.load_ledger (
  part_id integer GENERATED ALWAYS AS IDENTITY,
  sha256 text COLLATE "C" NOT NULL UNIQUE,
  stage text COLLATE "C" NOT NULL,
  plate text COLLATE "C" NOT NULL,
  well text COLLATE "C" NOT NULL,
  time integer NOT NULL,
  time_h double precision NOT NULL,
  n_frames integer NOT NULL,
  n_cells bigint NOT NULL,
  loaded_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (part_id)
);

CREATE TABLE phasewell_store.run_parts (
  run_no integer REFERENCES phasewell_store.runs,
  stage text COLLATE "C",
  well text COLLATE "C",
  time integer,
  part_id integer NOT NULL REFERENCES phasewell_store.load_ledger,
  PRIMARY KEY (run_no, stage, well, time)
);

CREATE INDEX run_parts_part_id ON phasewell_store.run_parts (part_id);

CREATE TABLE phasewell_store.frames (
  part_id integer,
  field_index smallint,
  field text COLLATE "C",
  true_time_h double precision,
  status text COLLATE "C",
  reason text COLLATE "C",
  flags text[] COLLATE "C",
  frame_sha256 text COLLATE "C",
  n_cells integer,
  mean_v double precision,
  saturated_fraction double precision,
  black_fraction double precision,
  focus double precision,
  blur_1 double precision,
  blur_2 double precision,
  blur_3 double precision,
  illumination_gradient double precision,
  confluence double precision,
  PRIMARY KEY (part_id, field_index),
  UNIQUE (part_id, field)
);

CREATE TABLE phasewell_store.cells (
  part_id integer,
  field_index smallint,
  label integer,
  centroid_y_px double precision,
  centroid_x_px double precision,
  bbox_top_px integer,
  bbox_left_px integer,
  bbox_bottom_px integer,
  bbox_right_px integer,
  area double precision,
  perimeter double precision,
  length double precision,
  breadth double precision,
  elliptical_form_factor double precision,
  compactness double precision,
  contrast double precision,
  dissimilarity double precision,
  homogeneity double precision,
  asm double precision,
  energy double precision,
  correlation double precision,
  PRIMARY KEY (part_id, field_index, label)
);

CREATE TABLE phasewell_store.moments (
  part_id integer,
  field_index smallint,
  descriptor text COLLATE "C",
  descriptor_unit text COLLATE "C",
  n bigint,
  mean double precision,
  m2 double precision,
  PRIMARY KEY (part_id, field_index, descriptor)
);

CREATE TABLE phasewell_store.scores (
  part_id integer,
  field_index smallint,
  field text COLLATE "C",
  class_name text COLLATE "C",
  status text COLLATE "C",
  reason text COLLATE "C",
  mean_v double precision,
  too_bright boolean,
  adjustment double precision,
  clipped_share double precision,
  logit double precision,
  probability double precision,
  model_sha256 text COLLATE "C",
  backend text COLLATE "C",
  precision text COLLATE "C",
  hardware text COLLATE "C",
  PRIMARY KEY (part_id, field_index, class_name)
);

CREATE TABLE phasewell_store.plates (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  pixel_size_um double precision,
  n_wells integer,
  n_fields integer,
  n_times integer,
  frame_height_px integer,
  frame_width_px integer,
  dtype text COLLATE "C",
  window_low integer,
  window_high integer,
  provenance json,
  PRIMARY KEY (run_no)
);

CREATE TABLE phasewell_store.wells (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  well text COLLATE "C",
  row_index integer,
  column_index integer,
  annotations json,
  PRIMARY KEY (run_no, well)
);

CREATE TABLE phasewell_store.fields (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  field text COLLATE "C",
  field_index integer,
  mosaic_row integer,
  mosaic_column integer,
  x_um double precision,
  y_um double precision,
  PRIMARY KEY (run_no, field)
);

CREATE TABLE phasewell_store.hour_scores (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  well text COLLATE "C",
  time integer,
  time_h double precision,
  class_name text COLLATE "C",
  mean_probability double precision,
  sd_probability double precision,
  votes bigint,
  vote_share double precision,
  majority boolean,
  n_scored bigint,
  n_expected bigint,
  coverage double precision,
  PRIMARY KEY (run_no, well, time, class_name)
);

CREATE TABLE phasewell_store.well_scores (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  well text COLLATE "C",
  first_h double precision,
  last_h double precision,
  n_times integer,
  class_name text COLLATE "C",
  mean_probability double precision,
  sd_probability double precision,
  votes bigint,
  vote_share double precision,
  majority boolean,
  n_scored bigint,
  n_expected bigint,
  coverage double precision,
  PRIMARY KEY (run_no, well, class_name)
);

CREATE TABLE phasewell_store.profiles (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  well text COLLATE "C",
  time integer,
  time_h double precision,
  descriptor text COLLATE "C",
  statistic text COLLATE "C",
  descriptor_unit text COLLATE "C",
  value double precision,
  reason text COLLATE "C",
  n_cells bigint,
  n_fields integer,
  n_fields_expected integer,
  PRIMARY KEY (run_no, well, time, descriptor, statistic)
);

CREATE TABLE phasewell_store.models (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  model text COLLATE "C",
  kind text COLLATE "C",
  seed bigint,
  validation text COLLATE "C",
  definitions text COLLATE "C",
  pixel_size_um double precision,
  n_columns integer,
  n_groups integer,
  training_digest text COLLATE "C",
  parameters json,
  versions json,
  PRIMARY KEY (run_no, model)
);

CREATE TABLE phasewell_store.predictions (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  model text COLLATE "C",
  basis text COLLATE "C",
  well text COLLATE "C",
  group_id text COLLATE "C",
  truth double precision,
  predicted double precision,
  baseline double precision,
  PRIMARY KEY (run_no, model, basis, well)
);

CREATE TABLE phasewell_store.evaluations (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  model text COLLATE "C",
  basis text COLLATE "C",
  kind text COLLATE "C",
  validation text COLLATE "C",
  rmse double precision,
  baseline_rmse double precision,
  q2 double precision,
  p_sign_flip double precision,
  better_than_baseline boolean,
  verdict text COLLATE "C",
  n_rows integer,
  n_groups integer,
  n_parameters integer,
  n_selected integer,
  shuffle_n integer,
  shuffle_median_ratio double precision,
  shuffle_p double precision,
  PRIMARY KEY (run_no, model, basis)
);

INSERT INTO phasewell_store.schema_version (version, description, applied_by) VALUES (1, 'the tables of version 1: results by part and by run, the load ledger', 'schema.sql');

ALTER TABLE phasewell_store.predictions
  ADD COLUMN low double precision,
  ADD COLUMN high double precision,
  ADD COLUMN level double precision,
  ADD COLUMN inside boolean,
  ADD COLUMN reasons text COLLATE "C",
  ADD COLUMN learned_from boolean;

INSERT INTO phasewell_store.schema_version (version, description, applied_by) VALUES (2, 'predictions of models that were applied to a run: their intervals, and whether the model knows such wells', 'schema.sql');

ALTER TABLE phasewell_store.models
  ADD COLUMN applied boolean,
  ADD COLUMN digest text COLLATE "C",
  ADD COLUMN plates text[] COLLATE "C",
  ADD COLUMN target text COLLATE "C";

UPDATE phasewell_store.models SET applied = false;

CREATE TABLE phasewell_store.applied_scores (
  run_no integer REFERENCES phasewell_store.runs ON DELETE CASCADE,
  model text COLLATE "C",
  well text COLLATE "C",
  first_h double precision,
  last_h double precision,
  n_times integer,
  class_name text COLLATE "C",
  mean_probability double precision,
  sd_probability double precision,
  votes bigint,
  vote_share double precision,
  majority boolean,
  n_scored bigint,
  n_expected bigint,
  coverage double precision,
  backend text COLLATE "C",
  precision text COLLATE "C",
  hardware text COLLATE "C",
  PRIMARY KEY (run_no, model, well, class_name)
);

INSERT INTO phasewell_store.schema_version (version, description, applied_by) VALUES (3, 'models that were applied to a run are in models and evaluations; scores by applied networks', 'schema.sql');

DROP VIEW IF EXISTS phasewell.current_runs, phasewell.current_plates, phasewell.current_wells, phasewell.current_fields, phasewell.current_frames, phasewell.current_cells, phasewell.current_moments, phasewell.current_scores, phasewell.current_hour_scores, phasewell.current_well_scores, phasewell.current_profiles, phasewell.current_models, phasewell.current_predictions, phasewell.current_applied_scores, phasewell.current_evaluations;

DROP VIEW IF EXISTS phasewell.runs, phasewell.plates, phasewell.wells, phasewell.fields, phasewell.frames, phasewell.cells, phasewell.moments, phasewell.scores, phasewell.hour_scores, phasewell.well_scores, phasewell.profiles, phasewell.models, phasewell.predictions, phasewell.applied_scores, phasewell.evaluations, phasewell.columns, phasewell.load_history;

CREATE VIEW phasewell.runs AS
SELECT r.run_id, r.plate, r.plate_digest, r.code_version, r.definitions, r.schema_version, r.config, r.n_parts, r.n_expected, r.n_processed, r.n_quarantined, r.n_missing
FROM phasewell_store.runs r
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_runs AS
SELECT r.run_id, r.plate, r.plate_digest, r.code_version, r.definitions, r.schema_version, r.config, r.n_parts, r.n_expected, r.n_processed, r.n_quarantined, r.n_missing
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no;

CREATE VIEW phasewell.plates AS
SELECT r.run_id, r.plate, t.pixel_size_um, t.n_wells, t.n_fields, t.n_times, t.frame_height_px, t.frame_width_px, t.dtype, t.window_low, t.window_high, t.provenance
FROM phasewell_store.runs r
JOIN phasewell_store.plates t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_plates AS
SELECT r.run_id, r.plate, t.pixel_size_um, t.n_wells, t.n_fields, t.n_times, t.frame_height_px, t.frame_width_px, t.dtype, t.window_low, t.window_high, t.provenance
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.plates t ON t.run_no = r.run_no;

CREATE VIEW phasewell.wells AS
SELECT r.run_id, r.plate, t.well, t.row_index, t.column_index, t.annotations
FROM phasewell_store.runs r
JOIN phasewell_store.wells t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_wells AS
SELECT r.run_id, r.plate, t.well, t.row_index, t.column_index, t.annotations
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.wells t ON t.run_no = r.run_no;

CREATE VIEW phasewell.fields AS
SELECT r.run_id, r.plate, t.field, t.field_index, t.mosaic_row, t.mosaic_column, t.x_um, t.y_um
FROM phasewell_store.runs r
JOIN phasewell_store.fields t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_fields AS
SELECT r.run_id, r.plate, t.field, t.field_index, t.mosaic_row, t.mosaic_column, t.x_um, t.y_um
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.fields t ON t.run_no = r.run_no;

CREATE VIEW phasewell.frames AS
SELECT r.run_id, r.plate, u.well, t.field, u.time, l.time_h, t.true_time_h, t.status, t.reason, t.flags, t.frame_sha256, t.n_cells, t.mean_v, t.saturated_fraction, t.black_fraction, t.focus, t.blur_1, t.blur_2, t.blur_3, t.illumination_gradient, t.confluence
FROM phasewell_store.runs r
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'cells'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.frames t ON t.part_id = l.part_id
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_frames AS
SELECT r.run_id, r.plate, u.well, t.field, u.time, l.time_h, t.true_time_h, t.status, t.reason, t.flags, t.frame_sha256, t.n_cells, t.mean_v, t.saturated_fraction, t.black_fraction, t.focus, t.blur_1, t.blur_2, t.blur_3, t.illumination_gradient, t.confluence
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'cells'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.frames t ON t.part_id = l.part_id;

CREATE VIEW phasewell.cells AS
SELECT r.run_id, r.plate, u.well, f.field, u.time, l.time_h, t.label, t.centroid_y_px, t.centroid_x_px, t.bbox_top_px, t.bbox_left_px, t.bbox_bottom_px, t.bbox_right_px, t.area, t.perimeter, t.length, t.breadth, t.elliptical_form_factor, t.compactness, t.contrast, t.dissimilarity, t.homogeneity, t.asm, t.energy, t.correlation
FROM phasewell_store.runs r
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'cells'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.cells t ON t.part_id = l.part_id
JOIN phasewell_store.frames f ON f.part_id = t.part_id AND f.field_index = t.field_index
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_cells AS
SELECT r.run_id, r.plate, u.well, f.field, u.time, l.time_h, t.label, t.centroid_y_px, t.centroid_x_px, t.bbox_top_px, t.bbox_left_px, t.bbox_bottom_px, t.bbox_right_px, t.area, t.perimeter, t.length, t.breadth, t.elliptical_form_factor, t.compactness, t.contrast, t.dissimilarity, t.homogeneity, t.asm, t.energy, t.correlation
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'cells'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.cells t ON t.part_id = l.part_id
JOIN phasewell_store.frames f ON f.part_id = t.part_id AND f.field_index = t.field_index;

CREATE VIEW phasewell.moments AS
SELECT r.run_id, r.plate, u.well, f.field, u.time, l.time_h, t.descriptor, t.descriptor_unit, t.n, t.mean, t.m2
FROM phasewell_store.runs r
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'cells'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.moments t ON t.part_id = l.part_id
JOIN phasewell_store.frames f ON f.part_id = t.part_id AND f.field_index = t.field_index
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_moments AS
SELECT r.run_id, r.plate, u.well, f.field, u.time, l.time_h, t.descriptor, t.descriptor_unit, t.n, t.mean, t.m2
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'cells'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.moments t ON t.part_id = l.part_id
JOIN phasewell_store.frames f ON f.part_id = t.part_id AND f.field_index = t.field_index;

CREATE VIEW phasewell.scores AS
SELECT r.run_id, r.plate, u.well, t.field, u.time, l.time_h, t.class_name, t.status, t.reason, t.mean_v, t.too_bright, t.adjustment, t.clipped_share, t.logit, t.probability, t.model_sha256, t.backend, t.precision, t.hardware
FROM phasewell_store.runs r
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'scores'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.scores t ON t.part_id = l.part_id
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_scores AS
SELECT r.run_id, r.plate, u.well, t.field, u.time, l.time_h, t.class_name, t.status, t.reason, t.mean_v, t.too_bright, t.adjustment, t.clipped_share, t.logit, t.probability, t.model_sha256, t.backend, t.precision, t.hardware
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.run_parts u ON u.run_no = r.run_no AND u.stage = 'scores'
JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id
JOIN phasewell_store.scores t ON t.part_id = l.part_id;

CREATE VIEW phasewell.hour_scores AS
SELECT r.run_id, r.plate, t.well, t.time, t.time_h, t.class_name, t.mean_probability, t.sd_probability, t.votes, t.vote_share, t.majority, t.n_scored, t.n_expected, t.coverage
FROM phasewell_store.runs r
JOIN phasewell_store.hour_scores t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_hour_scores AS
SELECT r.run_id, r.plate, t.well, t.time, t.time_h, t.class_name, t.mean_probability, t.sd_probability, t.votes, t.vote_share, t.majority, t.n_scored, t.n_expected, t.coverage
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.hour_scores t ON t.run_no = r.run_no;

CREATE VIEW phasewell.well_scores AS
SELECT r.run_id, r.plate, t.well, t.first_h, t.last_h, t.n_times, t.class_name, t.mean_probability, t.sd_probability, t.votes, t.vote_share, t.majority, t.n_scored, t.n_expected, t.coverage
FROM phasewell_store.runs r
JOIN phasewell_store.well_scores t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_well_scores AS
SELECT r.run_id, r.plate, t.well, t.first_h, t.last_h, t.n_times, t.class_name, t.mean_probability, t.sd_probability, t.votes, t.vote_share, t.majority, t.n_scored, t.n_expected, t.coverage
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.well_scores t ON t.run_no = r.run_no;

CREATE VIEW phasewell.profiles AS
SELECT r.run_id, r.plate, t.well, t.time, t.time_h, t.descriptor, t.statistic, t.descriptor_unit, t.value, t.reason, t.n_cells, t.n_fields, t.n_fields_expected
FROM phasewell_store.runs r
JOIN phasewell_store.profiles t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_profiles AS
SELECT r.run_id, r.plate, t.well, t.time, t.time_h, t.descriptor, t.statistic, t.descriptor_unit, t.value, t.reason, t.n_cells, t.n_fields, t.n_fields_expected
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.profiles t ON t.run_no = r.run_no;

CREATE VIEW phasewell.models AS
SELECT r.run_id, t.model, t.applied, t.kind, t.digest, t.seed, t.validation, t.definitions, t.pixel_size_um, t.n_columns, t.n_groups, t.training_digest, t.plates, t.target, t.parameters, t.versions
FROM phasewell_store.runs r
JOIN phasewell_store.models t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_models AS
SELECT r.run_id, t.model, t.applied, t.kind, t.digest, t.seed, t.validation, t.definitions, t.pixel_size_um, t.n_columns, t.n_groups, t.training_digest, t.plates, t.target, t.parameters, t.versions
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.models t ON t.run_no = r.run_no;

CREATE VIEW phasewell.predictions AS
SELECT r.run_id, t.model, t.basis, t.well, t.group_id, t.truth, t.predicted, t.baseline, t.low, t.high, t.level, t.inside, t.reasons, t.learned_from
FROM phasewell_store.runs r
JOIN phasewell_store.predictions t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_predictions AS
SELECT r.run_id, t.model, t.basis, t.well, t.group_id, t.truth, t.predicted, t.baseline, t.low, t.high, t.level, t.inside, t.reasons, t.learned_from
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.predictions t ON t.run_no = r.run_no;

CREATE VIEW phasewell.applied_scores AS
SELECT r.run_id, t.model, t.well, t.first_h, t.last_h, t.n_times, t.class_name, t.mean_probability, t.sd_probability, t.votes, t.vote_share, t.majority, t.n_scored, t.n_expected, t.coverage, t.backend, t.precision, t.hardware
FROM phasewell_store.runs r
JOIN phasewell_store.applied_scores t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_applied_scores AS
SELECT r.run_id, t.model, t.well, t.first_h, t.last_h, t.n_times, t.class_name, t.mean_probability, t.sd_probability, t.votes, t.vote_share, t.majority, t.n_scored, t.n_expected, t.coverage, t.backend, t.precision, t.hardware
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.applied_scores t ON t.run_no = r.run_no;

CREATE VIEW phasewell.evaluations AS
SELECT r.run_id, t.model, t.basis, t.kind, t.validation, t.rmse, t.baseline_rmse, t.q2, t.p_sign_flip, t.better_than_baseline, t.verdict, t.n_rows, t.n_groups, t.n_parameters, t.n_selected, t.shuffle_n, t.shuffle_median_ratio, t.shuffle_p
FROM phasewell_store.runs r
JOIN phasewell_store.evaluations t ON t.run_no = r.run_no
WHERE r.loaded_at IS NOT NULL;

CREATE VIEW phasewell.current_evaluations AS
SELECT r.run_id, t.model, t.basis, t.kind, t.validation, t.rmse, t.baseline_rmse, t.q2, t.p_sign_flip, t.better_than_baseline, t.verdict, t.n_rows, t.n_groups, t.n_parameters, t.n_selected, t.shuffle_n, t.shuffle_median_ratio, t.shuffle_p
FROM phasewell_store.runs r JOIN phasewell_store.current_run c ON c.run_no = r.run_no
JOIN phasewell_store.evaluations t ON t.run_no = r.run_no;

CREATE VIEW phasewell.columns AS SELECT table_name, column_name, position, type, unit, description FROM phasewell_store.columns;

CREATE VIEW phasewell.load_history AS
SELECT r.run_id, r.plate, c.run_no IS NOT NULL AS is_current, p.n_parts, p.n_cells, r.loaded_at
FROM phasewell_store.runs r LEFT JOIN phasewell_store.current_run c ON c.run_no = r.run_no CROSS JOIN LATERAL (
  SELECT count(*) AS n_parts, CAST(coalesce(sum(l.n_cells), 0) AS bigint) AS n_cells
  FROM phasewell_store.run_parts u JOIN phasewell_store.load_ledger l ON l.part_id = u.part_id WHERE u.run_no = r.run_no
) p;

COMMENT ON SCHEMA phasewell IS 'phasewell results: read the views here; units are in columns and in comments';

COMMENT ON SCHEMA phasewell_store IS 'rows behind the views of phasewell; written by phasewell load only';

COMMENT ON TABLE phasewell_store.schema_version IS 'the migrations that made this storage';

COMMENT ON COLUMN phasewell_store.schema_version.version IS 'number of the migration, from 1 [1]';

COMMENT ON COLUMN phasewell_store.schema_version.description IS 'what it brought';

COMMENT ON COLUMN phasewell_store.schema_version.applied_by IS 'who applied it: a version of phasewell, or schema.sql';

COMMENT ON COLUMN phasewell_store.schema_version.applied_at IS 'when';

COMMENT ON TABLE phasewell_store.columns IS 'every column of every table with type, unit and meaning';

COMMENT ON COLUMN phasewell_store.columns.table_name IS 'table';

COMMENT ON COLUMN phasewell_store.columns.column_name IS 'column';

COMMENT ON COLUMN phasewell_store.columns.position IS 'place of the column in its table, from 1 [1]';

COMMENT ON COLUMN phasewell_store.columns.type IS 'Arrow type';

COMMENT ON COLUMN phasewell_store.columns.unit IS 'unit; 1 is a plain number, empty is text or yes/no';

COMMENT ON COLUMN phasewell_store.columns.description IS 'what the column holds';

COMMENT ON TABLE phasewell_store.runs IS 'one row per finished run';

COMMENT ON COLUMN phasewell_store.runs.run_no IS 'number of the run in this database [1]';

COMMENT ON COLUMN phasewell_store.runs.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell_store.runs.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell_store.runs.plate_digest IS 'SHA-256 over the plate''s metadata and frame records';

COMMENT ON COLUMN phasewell_store.runs.code_version IS 'version of the engine that made the parts';

COMMENT ON COLUMN phasewell_store.runs.definitions IS 'id of the descriptor formulas';

COMMENT ON COLUMN phasewell_store.runs.schema_version IS 'version of the parts [1]';

COMMENT ON COLUMN phasewell_store.runs.config IS 'configuration that can change the results, as JSON';

COMMENT ON COLUMN phasewell_store.runs.n_parts IS 'committed parts (well x time x stage) [1]';

COMMENT ON COLUMN phasewell_store.runs.n_expected IS 'frames expected: wells x fields x times [1]';

COMMENT ON COLUMN phasewell_store.runs.n_processed IS 'frames measured [1]';

COMMENT ON COLUMN phasewell_store.runs.n_quarantined IS 'frames delivered but unusable [1]';

COMMENT ON COLUMN phasewell_store.runs.n_missing IS 'frames never delivered [1]';

COMMENT ON COLUMN phasewell_store.runs.tables_sha256 IS 'SHA-256 of the rows of the run as a whole, as last loaded';

COMMENT ON COLUMN phasewell_store.runs.loaded_at IS 'when the first whole load ended; null while a load is under way: nobody sees the run yet';

COMMENT ON TABLE phasewell_store.current_run IS 'which run the views current_... show of every plate';

COMMENT ON COLUMN phasewell_store.current_run.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell_store.current_run.run_no IS 'number of the run';

COMMENT ON TABLE phasewell_store.load_ledger IS 'every part that was loaded, once: its row and its cells are of one transaction';

COMMENT ON COLUMN phasewell_store.load_ledger.part_id IS 'number of the part in this database [1]';

COMMENT ON COLUMN phasewell_store.load_ledger.sha256 IS 'SHA-256 of the part''s file';

COMMENT ON COLUMN phasewell_store.load_ledger.stage IS 'cells, or scores';

COMMENT ON COLUMN phasewell_store.load_ledger.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell_store.load_ledger.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell_store.load_ledger.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell_store.load_ledger.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell_store.load_ledger.n_frames IS 'frames expected in the part [1]';

COMMENT ON COLUMN phasewell_store.load_ledger.n_cells IS 'cells in the part; 0 in parts of the stage scores [1]';

COMMENT ON COLUMN phasewell_store.load_ledger.loaded_at IS 'when';

COMMENT ON TABLE phasewell_store.run_parts IS 'which part a run has for a well, time and stage; runs may share parts';

COMMENT ON COLUMN phasewell_store.run_parts.run_no IS 'number of the run';

COMMENT ON COLUMN phasewell_store.run_parts.stage IS 'cells, or scores';

COMMENT ON COLUMN phasewell_store.run_parts.well IS 'well';

COMMENT ON COLUMN phasewell_store.run_parts.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell_store.run_parts.part_id IS 'number of the part in load_ledger';

COMMENT ON TABLE phasewell_store.frames IS 'one row per expected frame (field and time of a well): what became of it, and its quality';

COMMENT ON COLUMN phasewell_store.frames.part_id IS 'number of the part in load_ledger';

COMMENT ON COLUMN phasewell_store.frames.field_index IS 'place of the field in its part, from 0 [1]';

COMMENT ON COLUMN phasewell_store.frames.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell_store.frames.true_time_h IS 'true hour where the source says it [h]';

COMMENT ON COLUMN phasewell_store.frames.status IS 'processed, quarantined or missing';

COMMENT ON COLUMN phasewell_store.frames.reason IS 'why the frame was not processed';

COMMENT ON COLUMN phasewell_store.frames.flags IS 'marks that did not take the frame out';

COMMENT ON COLUMN phasewell_store.frames.frame_sha256 IS 'SHA-256 of the stored pixels';

COMMENT ON COLUMN phasewell_store.frames.n_cells IS 'cells measured; null where the frame was not processed [1]';

COMMENT ON COLUMN phasewell_store.frames.mean_v IS 'mean grey value of the frame [level]';

COMMENT ON COLUMN phasewell_store.frames.saturated_fraction IS 'share of pixels at 255 [1]';

COMMENT ON COLUMN phasewell_store.frames.black_fraction IS 'share of pixels at 0 [1]';

COMMENT ON COLUMN phasewell_store.frames.focus IS 'population variance of the 4-neighbour Laplacian [level2]';

COMMENT ON COLUMN phasewell_store.frames.blur_1 IS 'gradient energy of 1 px boxes / of 2 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell_store.frames.blur_2 IS 'gradient energy of 2 px boxes / of 4 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell_store.frames.blur_3 IS 'gradient energy of 4 px boxes / of 8 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell_store.frames.illumination_gradient IS 'grey levels between the brightest and the darkest band of the frame [level]';

COMMENT ON COLUMN phasewell_store.frames.confluence IS 'share of pixels in a cell''s label [1]';

COMMENT ON TABLE phasewell_store.cells IS 'one row per cell and time: place, bounding box and twelve descriptors';

COMMENT ON COLUMN phasewell_store.cells.part_id IS 'number of the part in load_ledger';

COMMENT ON COLUMN phasewell_store.cells.field_index IS 'place of the field in its part, from 0 [1]';

COMMENT ON COLUMN phasewell_store.cells.label IS 'number of the cell in its frame, from 1 [1]';

COMMENT ON COLUMN phasewell_store.cells.centroid_y_px IS 'row of the centroid, pixel centres count from 0 [px]';

COMMENT ON COLUMN phasewell_store.cells.centroid_x_px IS 'column of the centroid, pixel centres count from 0 [px]';

COMMENT ON COLUMN phasewell_store.cells.bbox_top_px IS 'first row of the cell [px]';

COMMENT ON COLUMN phasewell_store.cells.bbox_left_px IS 'first column of the cell [px]';

COMMENT ON COLUMN phasewell_store.cells.bbox_bottom_px IS 'row after the last [px]';

COMMENT ON COLUMN phasewell_store.cells.bbox_right_px IS 'column after the last [px]';

COMMENT ON COLUMN phasewell_store.cells.area IS 'pixels of the label [px2]';

COMMENT ON COLUMN phasewell_store.cells.perimeter IS 'Crofton, 4 directions: pi/4 (h + v + (d1 + d2)/sqrt 2) [px]';

COMMENT ON COLUMN phasewell_store.cells.length IS '4 sqrt(larger eigenvalue of the population covariance of pixel centres) [px]';

COMMENT ON COLUMN phasewell_store.cells.breadth IS '4 sqrt(smaller eigenvalue of the same covariance) [px]';

COMMENT ON COLUMN phasewell_store.cells.elliptical_form_factor IS 'length / breadth; null when breadth is 0 [1]';

COMMENT ON COLUMN phasewell_store.cells.compactness IS 'perimeter^2 / (4 pi area), not clipped [1]';

COMMENT ON COLUMN phasewell_store.cells.contrast IS 'sum p (i - j)^2 [level2]';

COMMENT ON COLUMN phasewell_store.cells.dissimilarity IS 'sum p |i - j| [level]';

COMMENT ON COLUMN phasewell_store.cells.homogeneity IS 'sum p / (1 + (i - j)^2) [1]';

COMMENT ON COLUMN phasewell_store.cells.asm IS 'sum p^2 [1]';

COMMENT ON COLUMN phasewell_store.cells.energy IS 'sqrt(asm) [1]';

COMMENT ON COLUMN phasewell_store.cells.correlation IS 'sum p (i - mu)(j - mu) / var; 1 when var is 0 [1]';

COMMENT ON TABLE phasewell_store.moments IS 'n, mean and M2 of every descriptor in every processed frame';

COMMENT ON COLUMN phasewell_store.moments.part_id IS 'number of the part in load_ledger';

COMMENT ON COLUMN phasewell_store.moments.field_index IS 'place of the field in its part, from 0 [1]';

COMMENT ON COLUMN phasewell_store.moments.descriptor IS 'name of the descriptor';

COMMENT ON COLUMN phasewell_store.moments.descriptor_unit IS 'unit of mean; m2 has its square';

COMMENT ON COLUMN phasewell_store.moments.n IS 'cells of the field with a defined value [1]';

COMMENT ON COLUMN phasewell_store.moments.mean IS 'mean over these cells; 0 where n is 0 [descriptor_unit]';

COMMENT ON COLUMN phasewell_store.moments.m2 IS 'sum of squared deviations from the mean [descriptor_unit squared]';

COMMENT ON TABLE phasewell_store.scores IS 'what a network said of every frame, one row per class';

COMMENT ON COLUMN phasewell_store.scores.part_id IS 'number of the part in load_ledger';

COMMENT ON COLUMN phasewell_store.scores.field_index IS 'place of the field in its part, from 0 [1]';

COMMENT ON COLUMN phasewell_store.scores.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell_store.scores.class_name IS 'class of the network; every frame has one row per class';

COMMENT ON COLUMN phasewell_store.scores.status IS 'processed (scored), quarantined or missing';

COMMENT ON COLUMN phasewell_store.scores.reason IS 'why the frame was not scored, such as too_bright';

COMMENT ON COLUMN phasewell_store.scores.mean_v IS 'mean grey value of the part of the frame that is scored, before adjustment [level]';

COMMENT ON COLUMN phasewell_store.scores.too_bright IS 'whether the brightness rule kept the frame from the network';

COMMENT ON COLUMN phasewell_store.scores.adjustment IS 'levels added to every pixel (mode offset), or the gain (mode gain) [level]';

COMMENT ON COLUMN phasewell_store.scores.clipped_share IS 'share of pixels that the adjustment sent outside 0..255 [1]';

COMMENT ON COLUMN phasewell_store.scores.logit IS 'output of the network for the class; null where the frame was not scored [1]';

COMMENT ON COLUMN phasewell_store.scores.probability IS 'softmax of the logits over the classes [1]';

COMMENT ON COLUMN phasewell_store.scores.model_sha256 IS 'digest of the model''s card, which names the digests of its files';

COMMENT ON COLUMN phasewell_store.scores.backend IS 'library that ran the network, with its version';

COMMENT ON COLUMN phasewell_store.scores.precision IS 'f32, bf16 or f16';

COMMENT ON COLUMN phasewell_store.scores.hardware IS 'class of the instruction set, or architecture of the GPU';

COMMENT ON TABLE phasewell_store.plates IS 'the plate of a run';

COMMENT ON COLUMN phasewell_store.plates.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.plates.pixel_size_um IS 'side of a pixel [um]';

COMMENT ON COLUMN phasewell_store.plates.n_wells IS 'wells in the run [1]';

COMMENT ON COLUMN phasewell_store.plates.n_fields IS 'fields per well [1]';

COMMENT ON COLUMN phasewell_store.plates.n_times IS 'times in the run [1]';

COMMENT ON COLUMN phasewell_store.plates.frame_height_px IS 'rows of a frame; null where the plate store was not given [px]';

COMMENT ON COLUMN phasewell_store.plates.frame_width_px IS 'columns of a frame; null where the plate store was not given [px]';

COMMENT ON COLUMN phasewell_store.plates.dtype IS 'type of the stored pixels; null where the plate store was not given';

COMMENT ON COLUMN phasewell_store.plates.window_low IS 'stored value shown as 0; null for 8-bit plates [level]';

COMMENT ON COLUMN phasewell_store.plates.window_high IS 'stored value shown as 255; null for 8-bit plates [level]';

COMMENT ON COLUMN phasewell_store.plates.provenance IS 'where the frames come from, as JSON; null where the store was not given';

COMMENT ON TABLE phasewell_store.wells IS 'the wells of a run, with their plate map';

COMMENT ON COLUMN phasewell_store.wells.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.wells.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell_store.wells.row_index IS 'row of the plate, from 0 [1]';

COMMENT ON COLUMN phasewell_store.wells.column_index IS 'column of the plate, from 0 [1]';

COMMENT ON COLUMN phasewell_store.wells.annotations IS 'plate map of the well as JSON; null where the plate store was not given';

COMMENT ON TABLE phasewell_store.fields IS 'the fields of view of a plate, the same in every well';

COMMENT ON COLUMN phasewell_store.fields.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.fields.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell_store.fields.field_index IS 'place in the order of fields, from 0 [1]';

COMMENT ON COLUMN phasewell_store.fields.mosaic_row IS 'row in the well''s mosaic; null where the plate store was not given [1]';

COMMENT ON COLUMN phasewell_store.fields.mosaic_column IS 'column in the well''s mosaic; null where the plate store was not given [1]';

COMMENT ON COLUMN phasewell_store.fields.x_um IS 'stage position of the first pixel; null where unknown [um]';

COMMENT ON COLUMN phasewell_store.fields.y_um IS 'stage position of the first pixel; null where unknown [um]';

COMMENT ON TABLE phasewell_store.hour_scores IS 'scores pooled over the frames of a well at one time';

COMMENT ON COLUMN phasewell_store.hour_scores.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.hour_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell_store.hour_scores.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell_store.hour_scores.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell_store.hour_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell_store.hour_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell_store.hour_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell_store.hour_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell_store.hour_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell_store.hour_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell_store.hour_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell_store.hour_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell_store.hour_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON TABLE phasewell_store.well_scores IS 'scores pooled over the frames of a well';

COMMENT ON COLUMN phasewell_store.well_scores.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.well_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell_store.well_scores.first_h IS 'first hour that is pooled: that of the profile''s window [h]';

COMMENT ON COLUMN phasewell_store.well_scores.last_h IS 'last hour that is pooled [h]';

COMMENT ON COLUMN phasewell_store.well_scores.n_times IS 'times that are pooled [1]';

COMMENT ON COLUMN phasewell_store.well_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell_store.well_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell_store.well_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell_store.well_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell_store.well_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell_store.well_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell_store.well_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell_store.well_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell_store.well_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON TABLE phasewell_store.profiles IS 'mean and SD of every descriptor per well and hour';

COMMENT ON COLUMN phasewell_store.profiles.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.profiles.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell_store.profiles.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell_store.profiles.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell_store.profiles.descriptor IS 'name of the descriptor';

COMMENT ON COLUMN phasewell_store.profiles.statistic IS 'mean, or SD with ddof 1, over the pooled cells of the fields';

COMMENT ON COLUMN phasewell_store.profiles.descriptor_unit IS 'unit of value';

COMMENT ON COLUMN phasewell_store.profiles.value IS 'the statistic; null where undefined, see reason [descriptor_unit]';

COMMENT ON COLUMN phasewell_store.profiles.reason IS 'why value is null: too_few_fields or too_few_cells';

COMMENT ON COLUMN phasewell_store.profiles.n_cells IS 'cells pooled, of the well and hour [1]';

COMMENT ON COLUMN phasewell_store.profiles.n_fields IS 'fields measured, of the well and hour [1]';

COMMENT ON COLUMN phasewell_store.profiles.n_fields_expected IS 'fields chosen [1]';

COMMENT ON TABLE phasewell_store.models IS 'models that were fitted on the run or applied to it';

COMMENT ON COLUMN phasewell_store.models.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.models.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell_store.models.applied IS 'whether a finished model was applied to the run, not fitted on it';

COMMENT ON COLUMN phasewell_store.models.kind IS 'lasso, forest, xgboost, elastic_net or ridge; of a network: which';

COMMENT ON COLUMN phasewell_store.models.digest IS 'SHA-256 of its manifest.json, of a network that of its card; it names its files';

COMMENT ON COLUMN phasewell_store.models.seed IS 'seed of the fit; null for networks [1]';

COMMENT ON COLUMN phasewell_store.models.validation IS 'scheme of the evaluation; of a network: the lines it was evaluated on';

COMMENT ON COLUMN phasewell_store.models.definitions IS 'id of the descriptor formulas; null for networks';

COMMENT ON COLUMN phasewell_store.models.pixel_size_um IS 'pixel size of what it was fitted on; null where bound to none [um]';

COMMENT ON COLUMN phasewell_store.models.n_columns IS 'profile columns it uses; null for networks [1]';

COMMENT ON COLUMN phasewell_store.models.n_groups IS 'clones, or lines, it was fitted on [1]';

COMMENT ON COLUMN phasewell_store.models.training_digest IS 'SHA-256 of what it was fitted on';

COMMENT ON COLUMN phasewell_store.models.plates IS 'plates it was fitted on; empty where it does not say';

COMMENT ON COLUMN phasewell_store.models.target IS 'column of the plate map that it predicts; null for networks';

COMMENT ON COLUMN phasewell_store.models.parameters IS 'as JSON: parameters that differ from the preset; of a network its recipe';

COMMENT ON COLUMN phasewell_store.models.versions IS 'versions of the libraries, as JSON';

COMMENT ON TABLE phasewell_store.predictions IS 'what models that never saw a clone say of its wells, and what applied models say';

COMMENT ON COLUMN phasewell_store.predictions.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.predictions.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell_store.predictions.basis IS 'measured; truth: true descriptors of a simulated plate; applied: a finished model';

COMMENT ON COLUMN phasewell_store.predictions.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell_store.predictions.group_id IS 'clone, left out for this row; if applied, as the plate map has it';

COMMENT ON COLUMN phasewell_store.predictions.truth IS 'measured target; if applied, as the plate map has it, else null [target]';

COMMENT ON COLUMN phasewell_store.predictions.predicted IS 'by a model that never saw the clone, unless learned_from; or null [target]';

COMMENT ON COLUMN phasewell_store.predictions.baseline IS 'mean target of the other clones; if applied, of the wells learned from [target]';

COMMENT ON COLUMN phasewell_store.predictions.low IS 'lower end of the jackknife+ interval; null where infinite, or not applied [target]';

COMMENT ON COLUMN phasewell_store.predictions.high IS 'upper end of the jackknife+ interval; null where infinite, or not applied [target]';

COMMENT ON COLUMN phasewell_store.predictions.level IS 'share of new clones that the interval aims to cover; null where not applied [1]';

COMMENT ON COLUMN phasewell_store.predictions.inside IS 'whether the model knows wells like this one; null where not applied';

COMMENT ON COLUMN phasewell_store.predictions.reasons IS 'why it does not, joined by ''; ''; null where inside or not applied';

COMMENT ON COLUMN phasewell_store.predictions.learned_from IS 'whether the applied model was fitted on this well; null where not applied';

COMMENT ON TABLE phasewell_store.applied_scores IS 'scores of wells by networks that were applied to the finished run, one row per class';

COMMENT ON COLUMN phasewell_store.applied_scores.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.applied_scores.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell_store.applied_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell_store.applied_scores.first_h IS 'first hour that is pooled: that of the profile''s window [h]';

COMMENT ON COLUMN phasewell_store.applied_scores.last_h IS 'last hour that is pooled [h]';

COMMENT ON COLUMN phasewell_store.applied_scores.n_times IS 'times that are pooled [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell_store.applied_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell_store.applied_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON COLUMN phasewell_store.applied_scores.backend IS 'library that ran the network, with its version';

COMMENT ON COLUMN phasewell_store.applied_scores.precision IS 'f32, bf16 or f16';

COMMENT ON COLUMN phasewell_store.applied_scores.hardware IS 'class of the instruction set, or architecture of the GPU';

COMMENT ON TABLE phasewell_store.evaluations IS 'errors of the models, beside those of the mean of the other clones; if applied, where it learned';

COMMENT ON COLUMN phasewell_store.evaluations.run_no IS 'number of the run in runs';

COMMENT ON COLUMN phasewell_store.evaluations.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell_store.evaluations.basis IS 'measured; truth: true descriptors of a simulated plate; applied: a finished model';

COMMENT ON COLUMN phasewell_store.evaluations.kind IS 'lasso, forest, xgboost, elastic_net or ridge';

COMMENT ON COLUMN phasewell_store.evaluations.validation IS 'scheme of the evaluation';

COMMENT ON COLUMN phasewell_store.evaluations.rmse IS 'root mean squared error over left-out clones [target]';

COMMENT ON COLUMN phasewell_store.evaluations.baseline_rmse IS 'the same of the mean of the other clones [target]';

COMMENT ON COLUMN phasewell_store.evaluations.q2 IS '1 - rmse^2 / baseline_rmse^2 [1]';

COMMENT ON COLUMN phasewell_store.evaluations.p_sign_flip IS 'one-sided sign-flip test of the gain over the baseline [1]';

COMMENT ON COLUMN phasewell_store.evaluations.better_than_baseline IS 'whether the model is better than the baseline';

COMMENT ON COLUMN phasewell_store.evaluations.verdict IS 'the same in words, with its numbers';

COMMENT ON COLUMN phasewell_store.evaluations.n_rows IS 'wells predicted [1]';

COMMENT ON COLUMN phasewell_store.evaluations.n_groups IS 'clones left out in turn [1]';

COMMENT ON COLUMN phasewell_store.evaluations.n_parameters IS 'profile columns offered [1]';

COMMENT ON COLUMN phasewell_store.evaluations.n_selected IS 'columns with a coefficient other than 0 (LASSO only) [1]';

COMMENT ON COLUMN phasewell_store.evaluations.shuffle_n IS 'shuffles of the target over clones; null where none was made [1]';

COMMENT ON COLUMN phasewell_store.evaluations.shuffle_median_ratio IS 'median RMSE / baseline RMSE of the shuffles [1]';

COMMENT ON COLUMN phasewell_store.evaluations.shuffle_p IS 'p value of the real target among the shuffles [1]';

COMMENT ON VIEW phasewell.runs IS 'one row per finished run';

COMMENT ON COLUMN phasewell.runs.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.runs.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.runs.plate_digest IS 'SHA-256 over the plate''s metadata and frame records';

COMMENT ON COLUMN phasewell.runs.code_version IS 'version of the engine that made the parts';

COMMENT ON COLUMN phasewell.runs.definitions IS 'id of the descriptor formulas';

COMMENT ON COLUMN phasewell.runs.schema_version IS 'version of the parts [1]';

COMMENT ON COLUMN phasewell.runs.config IS 'configuration that can change the results, as JSON';

COMMENT ON COLUMN phasewell.runs.n_parts IS 'committed parts (well x time x stage) [1]';

COMMENT ON COLUMN phasewell.runs.n_expected IS 'frames expected: wells x fields x times [1]';

COMMENT ON COLUMN phasewell.runs.n_processed IS 'frames measured [1]';

COMMENT ON COLUMN phasewell.runs.n_quarantined IS 'frames delivered but unusable [1]';

COMMENT ON COLUMN phasewell.runs.n_missing IS 'frames never delivered [1]';

COMMENT ON VIEW phasewell.current_runs IS 'one row per finished run; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_runs.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_runs.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_runs.plate_digest IS 'SHA-256 over the plate''s metadata and frame records';

COMMENT ON COLUMN phasewell.current_runs.code_version IS 'version of the engine that made the parts';

COMMENT ON COLUMN phasewell.current_runs.definitions IS 'id of the descriptor formulas';

COMMENT ON COLUMN phasewell.current_runs.schema_version IS 'version of the parts [1]';

COMMENT ON COLUMN phasewell.current_runs.config IS 'configuration that can change the results, as JSON';

COMMENT ON COLUMN phasewell.current_runs.n_parts IS 'committed parts (well x time x stage) [1]';

COMMENT ON COLUMN phasewell.current_runs.n_expected IS 'frames expected: wells x fields x times [1]';

COMMENT ON COLUMN phasewell.current_runs.n_processed IS 'frames measured [1]';

COMMENT ON COLUMN phasewell.current_runs.n_quarantined IS 'frames delivered but unusable [1]';

COMMENT ON COLUMN phasewell.current_runs.n_missing IS 'frames never delivered [1]';

COMMENT ON VIEW phasewell.plates IS 'the plate of a run';

COMMENT ON COLUMN phasewell.plates.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.plates.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.plates.pixel_size_um IS 'side of a pixel [um]';

COMMENT ON COLUMN phasewell.plates.n_wells IS 'wells in the run [1]';

COMMENT ON COLUMN phasewell.plates.n_fields IS 'fields per well [1]';

COMMENT ON COLUMN phasewell.plates.n_times IS 'times in the run [1]';

COMMENT ON COLUMN phasewell.plates.frame_height_px IS 'rows of a frame; null where the plate store was not given [px]';

COMMENT ON COLUMN phasewell.plates.frame_width_px IS 'columns of a frame; null where the plate store was not given [px]';

COMMENT ON COLUMN phasewell.plates.dtype IS 'type of the stored pixels; null where the plate store was not given';

COMMENT ON COLUMN phasewell.plates.window_low IS 'stored value shown as 0; null for 8-bit plates [level]';

COMMENT ON COLUMN phasewell.plates.window_high IS 'stored value shown as 255; null for 8-bit plates [level]';

COMMENT ON COLUMN phasewell.plates.provenance IS 'where the frames come from, as JSON; null where the store was not given';

COMMENT ON VIEW phasewell.current_plates IS 'the plate of a run; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_plates.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_plates.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_plates.pixel_size_um IS 'side of a pixel [um]';

COMMENT ON COLUMN phasewell.current_plates.n_wells IS 'wells in the run [1]';

COMMENT ON COLUMN phasewell.current_plates.n_fields IS 'fields per well [1]';

COMMENT ON COLUMN phasewell.current_plates.n_times IS 'times in the run [1]';

COMMENT ON COLUMN phasewell.current_plates.frame_height_px IS 'rows of a frame; null where the plate store was not given [px]';

COMMENT ON COLUMN phasewell.current_plates.frame_width_px IS 'columns of a frame; null where the plate store was not given [px]';

COMMENT ON COLUMN phasewell.current_plates.dtype IS 'type of the stored pixels; null where the plate store was not given';

COMMENT ON COLUMN phasewell.current_plates.window_low IS 'stored value shown as 0; null for 8-bit plates [level]';

COMMENT ON COLUMN phasewell.current_plates.window_high IS 'stored value shown as 255; null for 8-bit plates [level]';

COMMENT ON COLUMN phasewell.current_plates.provenance IS 'where the frames come from, as JSON; null where the store was not given';

COMMENT ON VIEW phasewell.wells IS 'the wells of a run, with their plate map';

COMMENT ON COLUMN phasewell.wells.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.wells.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.wells.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.wells.row_index IS 'row of the plate, from 0 [1]';

COMMENT ON COLUMN phasewell.wells.column_index IS 'column of the plate, from 0 [1]';

COMMENT ON COLUMN phasewell.wells.annotations IS 'plate map of the well as JSON; null where the plate store was not given';

COMMENT ON VIEW phasewell.current_wells IS 'the wells of a run, with their plate map; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_wells.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_wells.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_wells.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_wells.row_index IS 'row of the plate, from 0 [1]';

COMMENT ON COLUMN phasewell.current_wells.column_index IS 'column of the plate, from 0 [1]';

COMMENT ON COLUMN phasewell.current_wells.annotations IS 'plate map of the well as JSON; null where the plate store was not given';

COMMENT ON VIEW phasewell.fields IS 'the fields of view of a plate, the same in every well';

COMMENT ON COLUMN phasewell.fields.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.fields.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.fields.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.fields.field_index IS 'place in the order of fields, from 0 [1]';

COMMENT ON COLUMN phasewell.fields.mosaic_row IS 'row in the well''s mosaic; null where the plate store was not given [1]';

COMMENT ON COLUMN phasewell.fields.mosaic_column IS 'column in the well''s mosaic; null where the plate store was not given [1]';

COMMENT ON COLUMN phasewell.fields.x_um IS 'stage position of the first pixel; null where unknown [um]';

COMMENT ON COLUMN phasewell.fields.y_um IS 'stage position of the first pixel; null where unknown [um]';

COMMENT ON VIEW phasewell.current_fields IS 'the fields of view of a plate, the same in every well; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_fields.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_fields.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_fields.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.current_fields.field_index IS 'place in the order of fields, from 0 [1]';

COMMENT ON COLUMN phasewell.current_fields.mosaic_row IS 'row in the well''s mosaic; null where the plate store was not given [1]';

COMMENT ON COLUMN phasewell.current_fields.mosaic_column IS 'column in the well''s mosaic; null where the plate store was not given [1]';

COMMENT ON COLUMN phasewell.current_fields.x_um IS 'stage position of the first pixel; null where unknown [um]';

COMMENT ON COLUMN phasewell.current_fields.y_um IS 'stage position of the first pixel; null where unknown [um]';

COMMENT ON VIEW phasewell.frames IS 'one row per expected frame (field and time of a well): what became of it, and its quality';

COMMENT ON COLUMN phasewell.frames.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.frames.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.frames.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.frames.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.frames.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.frames.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.frames.true_time_h IS 'true hour where the source says it [h]';

COMMENT ON COLUMN phasewell.frames.status IS 'processed, quarantined or missing';

COMMENT ON COLUMN phasewell.frames.reason IS 'why the frame was not processed';

COMMENT ON COLUMN phasewell.frames.flags IS 'marks that did not take the frame out';

COMMENT ON COLUMN phasewell.frames.frame_sha256 IS 'SHA-256 of the stored pixels';

COMMENT ON COLUMN phasewell.frames.n_cells IS 'cells measured; null where the frame was not processed [1]';

COMMENT ON COLUMN phasewell.frames.mean_v IS 'mean grey value of the frame [level]';

COMMENT ON COLUMN phasewell.frames.saturated_fraction IS 'share of pixels at 255 [1]';

COMMENT ON COLUMN phasewell.frames.black_fraction IS 'share of pixels at 0 [1]';

COMMENT ON COLUMN phasewell.frames.focus IS 'population variance of the 4-neighbour Laplacian [level2]';

COMMENT ON COLUMN phasewell.frames.blur_1 IS 'gradient energy of 1 px boxes / of 2 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell.frames.blur_2 IS 'gradient energy of 2 px boxes / of 4 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell.frames.blur_3 IS 'gradient energy of 4 px boxes / of 8 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell.frames.illumination_gradient IS 'grey levels between the brightest and the darkest band of the frame [level]';

COMMENT ON COLUMN phasewell.frames.confluence IS 'share of pixels in a cell''s label [1]';

COMMENT ON VIEW phasewell.current_frames IS 'one row per expected frame (field and time of a well): what became of it, and its quality; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_frames.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_frames.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_frames.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_frames.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.current_frames.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.current_frames.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.current_frames.true_time_h IS 'true hour where the source says it [h]';

COMMENT ON COLUMN phasewell.current_frames.status IS 'processed, quarantined or missing';

COMMENT ON COLUMN phasewell.current_frames.reason IS 'why the frame was not processed';

COMMENT ON COLUMN phasewell.current_frames.flags IS 'marks that did not take the frame out';

COMMENT ON COLUMN phasewell.current_frames.frame_sha256 IS 'SHA-256 of the stored pixels';

COMMENT ON COLUMN phasewell.current_frames.n_cells IS 'cells measured; null where the frame was not processed [1]';

COMMENT ON COLUMN phasewell.current_frames.mean_v IS 'mean grey value of the frame [level]';

COMMENT ON COLUMN phasewell.current_frames.saturated_fraction IS 'share of pixels at 255 [1]';

COMMENT ON COLUMN phasewell.current_frames.black_fraction IS 'share of pixels at 0 [1]';

COMMENT ON COLUMN phasewell.current_frames.focus IS 'population variance of the 4-neighbour Laplacian [level2]';

COMMENT ON COLUMN phasewell.current_frames.blur_1 IS 'gradient energy of 1 px boxes / of 2 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell.current_frames.blur_2 IS 'gradient energy of 2 px boxes / of 4 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell.current_frames.blur_3 IS 'gradient energy of 4 px boxes / of 8 px boxes; small is blurred [1]';

COMMENT ON COLUMN phasewell.current_frames.illumination_gradient IS 'grey levels between the brightest and the darkest band of the frame [level]';

COMMENT ON COLUMN phasewell.current_frames.confluence IS 'share of pixels in a cell''s label [1]';

COMMENT ON VIEW phasewell.cells IS 'one row per cell and time: place, bounding box and twelve descriptors';

COMMENT ON COLUMN phasewell.cells.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.cells.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.cells.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.cells.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.cells.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.cells.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.cells.label IS 'number of the cell in its frame, from 1 [1]';

COMMENT ON COLUMN phasewell.cells.centroid_y_px IS 'row of the centroid, pixel centres count from 0 [px]';

COMMENT ON COLUMN phasewell.cells.centroid_x_px IS 'column of the centroid, pixel centres count from 0 [px]';

COMMENT ON COLUMN phasewell.cells.bbox_top_px IS 'first row of the cell [px]';

COMMENT ON COLUMN phasewell.cells.bbox_left_px IS 'first column of the cell [px]';

COMMENT ON COLUMN phasewell.cells.bbox_bottom_px IS 'row after the last [px]';

COMMENT ON COLUMN phasewell.cells.bbox_right_px IS 'column after the last [px]';

COMMENT ON COLUMN phasewell.cells.area IS 'pixels of the label [px2]';

COMMENT ON COLUMN phasewell.cells.perimeter IS 'Crofton, 4 directions: pi/4 (h + v + (d1 + d2)/sqrt 2) [px]';

COMMENT ON COLUMN phasewell.cells.length IS '4 sqrt(larger eigenvalue of the population covariance of pixel centres) [px]';

COMMENT ON COLUMN phasewell.cells.breadth IS '4 sqrt(smaller eigenvalue of the same covariance) [px]';

COMMENT ON COLUMN phasewell.cells.elliptical_form_factor IS 'length / breadth; null when breadth is 0 [1]';

COMMENT ON COLUMN phasewell.cells.compactness IS 'perimeter^2 / (4 pi area), not clipped [1]';

COMMENT ON COLUMN phasewell.cells.contrast IS 'sum p (i - j)^2 [level2]';

COMMENT ON COLUMN phasewell.cells.dissimilarity IS 'sum p |i - j| [level]';

COMMENT ON COLUMN phasewell.cells.homogeneity IS 'sum p / (1 + (i - j)^2) [1]';

COMMENT ON COLUMN phasewell.cells.asm IS 'sum p^2 [1]';

COMMENT ON COLUMN phasewell.cells.energy IS 'sqrt(asm) [1]';

COMMENT ON COLUMN phasewell.cells.correlation IS 'sum p (i - mu)(j - mu) / var; 1 when var is 0 [1]';

COMMENT ON VIEW phasewell.current_cells IS 'one row per cell and time: place, bounding box and twelve descriptors; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_cells.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_cells.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_cells.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_cells.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.current_cells.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.current_cells.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.current_cells.label IS 'number of the cell in its frame, from 1 [1]';

COMMENT ON COLUMN phasewell.current_cells.centroid_y_px IS 'row of the centroid, pixel centres count from 0 [px]';

COMMENT ON COLUMN phasewell.current_cells.centroid_x_px IS 'column of the centroid, pixel centres count from 0 [px]';

COMMENT ON COLUMN phasewell.current_cells.bbox_top_px IS 'first row of the cell [px]';

COMMENT ON COLUMN phasewell.current_cells.bbox_left_px IS 'first column of the cell [px]';

COMMENT ON COLUMN phasewell.current_cells.bbox_bottom_px IS 'row after the last [px]';

COMMENT ON COLUMN phasewell.current_cells.bbox_right_px IS 'column after the last [px]';

COMMENT ON COLUMN phasewell.current_cells.area IS 'pixels of the label [px2]';

COMMENT ON COLUMN phasewell.current_cells.perimeter IS 'Crofton, 4 directions: pi/4 (h + v + (d1 + d2)/sqrt 2) [px]';

COMMENT ON COLUMN phasewell.current_cells.length IS '4 sqrt(larger eigenvalue of the population covariance of pixel centres) [px]';

COMMENT ON COLUMN phasewell.current_cells.breadth IS '4 sqrt(smaller eigenvalue of the same covariance) [px]';

COMMENT ON COLUMN phasewell.current_cells.elliptical_form_factor IS 'length / breadth; null when breadth is 0 [1]';

COMMENT ON COLUMN phasewell.current_cells.compactness IS 'perimeter^2 / (4 pi area), not clipped [1]';

COMMENT ON COLUMN phasewell.current_cells.contrast IS 'sum p (i - j)^2 [level2]';

COMMENT ON COLUMN phasewell.current_cells.dissimilarity IS 'sum p |i - j| [level]';

COMMENT ON COLUMN phasewell.current_cells.homogeneity IS 'sum p / (1 + (i - j)^2) [1]';

COMMENT ON COLUMN phasewell.current_cells.asm IS 'sum p^2 [1]';

COMMENT ON COLUMN phasewell.current_cells.energy IS 'sqrt(asm) [1]';

COMMENT ON COLUMN phasewell.current_cells.correlation IS 'sum p (i - mu)(j - mu) / var; 1 when var is 0 [1]';

COMMENT ON VIEW phasewell.moments IS 'n, mean and M2 of every descriptor in every processed frame';

COMMENT ON COLUMN phasewell.moments.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.moments.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.moments.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.moments.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.moments.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.moments.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.moments.descriptor IS 'name of the descriptor';

COMMENT ON COLUMN phasewell.moments.descriptor_unit IS 'unit of mean; m2 has its square';

COMMENT ON COLUMN phasewell.moments.n IS 'cells of the field with a defined value [1]';

COMMENT ON COLUMN phasewell.moments.mean IS 'mean over these cells; 0 where n is 0 [descriptor_unit]';

COMMENT ON COLUMN phasewell.moments.m2 IS 'sum of squared deviations from the mean [descriptor_unit squared]';

COMMENT ON VIEW phasewell.current_moments IS 'n, mean and M2 of every descriptor in every processed frame; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_moments.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_moments.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_moments.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_moments.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.current_moments.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.current_moments.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.current_moments.descriptor IS 'name of the descriptor';

COMMENT ON COLUMN phasewell.current_moments.descriptor_unit IS 'unit of mean; m2 has its square';

COMMENT ON COLUMN phasewell.current_moments.n IS 'cells of the field with a defined value [1]';

COMMENT ON COLUMN phasewell.current_moments.mean IS 'mean over these cells; 0 where n is 0 [descriptor_unit]';

COMMENT ON COLUMN phasewell.current_moments.m2 IS 'sum of squared deviations from the mean [descriptor_unit squared]';

COMMENT ON VIEW phasewell.scores IS 'what a network said of every frame, one row per class';

COMMENT ON COLUMN phasewell.scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.scores.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.scores.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.scores.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.scores.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.scores.class_name IS 'class of the network; every frame has one row per class';

COMMENT ON COLUMN phasewell.scores.status IS 'processed (scored), quarantined or missing';

COMMENT ON COLUMN phasewell.scores.reason IS 'why the frame was not scored, such as too_bright';

COMMENT ON COLUMN phasewell.scores.mean_v IS 'mean grey value of the part of the frame that is scored, before adjustment [level]';

COMMENT ON COLUMN phasewell.scores.too_bright IS 'whether the brightness rule kept the frame from the network';

COMMENT ON COLUMN phasewell.scores.adjustment IS 'levels added to every pixel (mode offset), or the gain (mode gain) [level]';

COMMENT ON COLUMN phasewell.scores.clipped_share IS 'share of pixels that the adjustment sent outside 0..255 [1]';

COMMENT ON COLUMN phasewell.scores.logit IS 'output of the network for the class; null where the frame was not scored [1]';

COMMENT ON COLUMN phasewell.scores.probability IS 'softmax of the logits over the classes [1]';

COMMENT ON COLUMN phasewell.scores.model_sha256 IS 'digest of the model''s card, which names the digests of its files';

COMMENT ON COLUMN phasewell.scores.backend IS 'library that ran the network, with its version';

COMMENT ON COLUMN phasewell.scores.precision IS 'f32, bf16 or f16';

COMMENT ON COLUMN phasewell.scores.hardware IS 'class of the instruction set, or architecture of the GPU';

COMMENT ON VIEW phasewell.current_scores IS 'what a network said of every frame, one row per class; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_scores.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_scores.field IS 'name of the field of view in its well';

COMMENT ON COLUMN phasewell.current_scores.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.current_scores.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.current_scores.class_name IS 'class of the network; every frame has one row per class';

COMMENT ON COLUMN phasewell.current_scores.status IS 'processed (scored), quarantined or missing';

COMMENT ON COLUMN phasewell.current_scores.reason IS 'why the frame was not scored, such as too_bright';

COMMENT ON COLUMN phasewell.current_scores.mean_v IS 'mean grey value of the part of the frame that is scored, before adjustment [level]';

COMMENT ON COLUMN phasewell.current_scores.too_bright IS 'whether the brightness rule kept the frame from the network';

COMMENT ON COLUMN phasewell.current_scores.adjustment IS 'levels added to every pixel (mode offset), or the gain (mode gain) [level]';

COMMENT ON COLUMN phasewell.current_scores.clipped_share IS 'share of pixels that the adjustment sent outside 0..255 [1]';

COMMENT ON COLUMN phasewell.current_scores.logit IS 'output of the network for the class; null where the frame was not scored [1]';

COMMENT ON COLUMN phasewell.current_scores.probability IS 'softmax of the logits over the classes [1]';

COMMENT ON COLUMN phasewell.current_scores.model_sha256 IS 'digest of the model''s card, which names the digests of its files';

COMMENT ON COLUMN phasewell.current_scores.backend IS 'library that ran the network, with its version';

COMMENT ON COLUMN phasewell.current_scores.precision IS 'f32, bf16 or f16';

COMMENT ON COLUMN phasewell.current_scores.hardware IS 'class of the instruction set, or architecture of the GPU';

COMMENT ON VIEW phasewell.hour_scores IS 'scores pooled over the frames of a well at one time';

COMMENT ON COLUMN phasewell.hour_scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.hour_scores.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.hour_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.hour_scores.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.hour_scores.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.hour_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell.hour_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell.hour_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell.hour_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell.hour_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell.hour_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell.hour_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell.hour_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell.hour_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON VIEW phasewell.current_hour_scores IS 'scores pooled over the frames of a well at one time; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_hour_scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_hour_scores.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_hour_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_hour_scores.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.current_hour_scores.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.current_hour_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell.current_hour_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell.current_hour_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell.current_hour_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell.current_hour_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell.current_hour_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell.current_hour_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell.current_hour_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell.current_hour_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON VIEW phasewell.well_scores IS 'scores pooled over the frames of a well';

COMMENT ON COLUMN phasewell.well_scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.well_scores.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.well_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.well_scores.first_h IS 'first hour that is pooled: that of the profile''s window [h]';

COMMENT ON COLUMN phasewell.well_scores.last_h IS 'last hour that is pooled [h]';

COMMENT ON COLUMN phasewell.well_scores.n_times IS 'times that are pooled [1]';

COMMENT ON COLUMN phasewell.well_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell.well_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell.well_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell.well_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell.well_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell.well_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell.well_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell.well_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell.well_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON VIEW phasewell.current_well_scores IS 'scores pooled over the frames of a well; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_well_scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_well_scores.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_well_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_well_scores.first_h IS 'first hour that is pooled: that of the profile''s window [h]';

COMMENT ON COLUMN phasewell.current_well_scores.last_h IS 'last hour that is pooled [h]';

COMMENT ON COLUMN phasewell.current_well_scores.n_times IS 'times that are pooled [1]';

COMMENT ON COLUMN phasewell.current_well_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell.current_well_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell.current_well_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell.current_well_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell.current_well_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell.current_well_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell.current_well_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell.current_well_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell.current_well_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON VIEW phasewell.profiles IS 'mean and SD of every descriptor per well and hour';

COMMENT ON COLUMN phasewell.profiles.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.profiles.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.profiles.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.profiles.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.profiles.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.profiles.descriptor IS 'name of the descriptor';

COMMENT ON COLUMN phasewell.profiles.statistic IS 'mean, or SD with ddof 1, over the pooled cells of the fields';

COMMENT ON COLUMN phasewell.profiles.descriptor_unit IS 'unit of value';

COMMENT ON COLUMN phasewell.profiles.value IS 'the statistic; null where undefined, see reason [descriptor_unit]';

COMMENT ON COLUMN phasewell.profiles.reason IS 'why value is null: too_few_fields or too_few_cells';

COMMENT ON COLUMN phasewell.profiles.n_cells IS 'cells pooled, of the well and hour [1]';

COMMENT ON COLUMN phasewell.profiles.n_fields IS 'fields measured, of the well and hour [1]';

COMMENT ON COLUMN phasewell.profiles.n_fields_expected IS 'fields chosen [1]';

COMMENT ON VIEW phasewell.current_profiles IS 'mean and SD of every descriptor per well and hour; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_profiles.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_profiles.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.current_profiles.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_profiles.time IS 'index in the plate''s time grid, from 0 [1]';

COMMENT ON COLUMN phasewell.current_profiles.time_h IS 'nominal hour of the time grid [h]';

COMMENT ON COLUMN phasewell.current_profiles.descriptor IS 'name of the descriptor';

COMMENT ON COLUMN phasewell.current_profiles.statistic IS 'mean, or SD with ddof 1, over the pooled cells of the fields';

COMMENT ON COLUMN phasewell.current_profiles.descriptor_unit IS 'unit of value';

COMMENT ON COLUMN phasewell.current_profiles.value IS 'the statistic; null where undefined, see reason [descriptor_unit]';

COMMENT ON COLUMN phasewell.current_profiles.reason IS 'why value is null: too_few_fields or too_few_cells';

COMMENT ON COLUMN phasewell.current_profiles.n_cells IS 'cells pooled, of the well and hour [1]';

COMMENT ON COLUMN phasewell.current_profiles.n_fields IS 'fields measured, of the well and hour [1]';

COMMENT ON COLUMN phasewell.current_profiles.n_fields_expected IS 'fields chosen [1]';

COMMENT ON VIEW phasewell.models IS 'models that were fitted on the run or applied to it';

COMMENT ON COLUMN phasewell.models.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.models.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.models.applied IS 'whether a finished model was applied to the run, not fitted on it';

COMMENT ON COLUMN phasewell.models.kind IS 'lasso, forest, xgboost, elastic_net or ridge; of a network: which';

COMMENT ON COLUMN phasewell.models.digest IS 'SHA-256 of its manifest.json, of a network that of its card; it names its files';

COMMENT ON COLUMN phasewell.models.seed IS 'seed of the fit; null for networks [1]';

COMMENT ON COLUMN phasewell.models.validation IS 'scheme of the evaluation; of a network: the lines it was evaluated on';

COMMENT ON COLUMN phasewell.models.definitions IS 'id of the descriptor formulas; null for networks';

COMMENT ON COLUMN phasewell.models.pixel_size_um IS 'pixel size of what it was fitted on; null where bound to none [um]';

COMMENT ON COLUMN phasewell.models.n_columns IS 'profile columns it uses; null for networks [1]';

COMMENT ON COLUMN phasewell.models.n_groups IS 'clones, or lines, it was fitted on [1]';

COMMENT ON COLUMN phasewell.models.training_digest IS 'SHA-256 of what it was fitted on';

COMMENT ON COLUMN phasewell.models.plates IS 'plates it was fitted on; empty where it does not say';

COMMENT ON COLUMN phasewell.models.target IS 'column of the plate map that it predicts; null for networks';

COMMENT ON COLUMN phasewell.models.parameters IS 'as JSON: parameters that differ from the preset; of a network its recipe';

COMMENT ON COLUMN phasewell.models.versions IS 'versions of the libraries, as JSON';

COMMENT ON VIEW phasewell.current_models IS 'models that were fitted on the run or applied to it; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_models.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_models.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.current_models.applied IS 'whether a finished model was applied to the run, not fitted on it';

COMMENT ON COLUMN phasewell.current_models.kind IS 'lasso, forest, xgboost, elastic_net or ridge; of a network: which';

COMMENT ON COLUMN phasewell.current_models.digest IS 'SHA-256 of its manifest.json, of a network that of its card; it names its files';

COMMENT ON COLUMN phasewell.current_models.seed IS 'seed of the fit; null for networks [1]';

COMMENT ON COLUMN phasewell.current_models.validation IS 'scheme of the evaluation; of a network: the lines it was evaluated on';

COMMENT ON COLUMN phasewell.current_models.definitions IS 'id of the descriptor formulas; null for networks';

COMMENT ON COLUMN phasewell.current_models.pixel_size_um IS 'pixel size of what it was fitted on; null where bound to none [um]';

COMMENT ON COLUMN phasewell.current_models.n_columns IS 'profile columns it uses; null for networks [1]';

COMMENT ON COLUMN phasewell.current_models.n_groups IS 'clones, or lines, it was fitted on [1]';

COMMENT ON COLUMN phasewell.current_models.training_digest IS 'SHA-256 of what it was fitted on';

COMMENT ON COLUMN phasewell.current_models.plates IS 'plates it was fitted on; empty where it does not say';

COMMENT ON COLUMN phasewell.current_models.target IS 'column of the plate map that it predicts; null for networks';

COMMENT ON COLUMN phasewell.current_models.parameters IS 'as JSON: parameters that differ from the preset; of a network its recipe';

COMMENT ON COLUMN phasewell.current_models.versions IS 'versions of the libraries, as JSON';

COMMENT ON VIEW phasewell.predictions IS 'what models that never saw a clone say of its wells, and what applied models say';

COMMENT ON COLUMN phasewell.predictions.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.predictions.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.predictions.basis IS 'measured; truth: true descriptors of a simulated plate; applied: a finished model';

COMMENT ON COLUMN phasewell.predictions.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.predictions.group_id IS 'clone, left out for this row; if applied, as the plate map has it';

COMMENT ON COLUMN phasewell.predictions.truth IS 'measured target; if applied, as the plate map has it, else null [target]';

COMMENT ON COLUMN phasewell.predictions.predicted IS 'by a model that never saw the clone, unless learned_from; or null [target]';

COMMENT ON COLUMN phasewell.predictions.baseline IS 'mean target of the other clones; if applied, of the wells learned from [target]';

COMMENT ON COLUMN phasewell.predictions.low IS 'lower end of the jackknife+ interval; null where infinite, or not applied [target]';

COMMENT ON COLUMN phasewell.predictions.high IS 'upper end of the jackknife+ interval; null where infinite, or not applied [target]';

COMMENT ON COLUMN phasewell.predictions.level IS 'share of new clones that the interval aims to cover; null where not applied [1]';

COMMENT ON COLUMN phasewell.predictions.inside IS 'whether the model knows wells like this one; null where not applied';

COMMENT ON COLUMN phasewell.predictions.reasons IS 'why it does not, joined by ''; ''; null where inside or not applied';

COMMENT ON COLUMN phasewell.predictions.learned_from IS 'whether the applied model was fitted on this well; null where not applied';

COMMENT ON VIEW phasewell.current_predictions IS 'what models that never saw a clone say of its wells, and what applied models say; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_predictions.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_predictions.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.current_predictions.basis IS 'measured; truth: true descriptors of a simulated plate; applied: a finished model';

COMMENT ON COLUMN phasewell.current_predictions.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_predictions.group_id IS 'clone, left out for this row; if applied, as the plate map has it';

COMMENT ON COLUMN phasewell.current_predictions.truth IS 'measured target; if applied, as the plate map has it, else null [target]';

COMMENT ON COLUMN phasewell.current_predictions.predicted IS 'by a model that never saw the clone, unless learned_from; or null [target]';

COMMENT ON COLUMN phasewell.current_predictions.baseline IS 'mean target of the other clones; if applied, of the wells learned from [target]';

COMMENT ON COLUMN phasewell.current_predictions.low IS 'lower end of the jackknife+ interval; null where infinite, or not applied [target]';

COMMENT ON COLUMN phasewell.current_predictions.high IS 'upper end of the jackknife+ interval; null where infinite, or not applied [target]';

COMMENT ON COLUMN phasewell.current_predictions.level IS 'share of new clones that the interval aims to cover; null where not applied [1]';

COMMENT ON COLUMN phasewell.current_predictions.inside IS 'whether the model knows wells like this one; null where not applied';

COMMENT ON COLUMN phasewell.current_predictions.reasons IS 'why it does not, joined by ''; ''; null where inside or not applied';

COMMENT ON COLUMN phasewell.current_predictions.learned_from IS 'whether the applied model was fitted on this well; null where not applied';

COMMENT ON VIEW phasewell.applied_scores IS 'scores of wells by networks that were applied to the finished run, one row per class';

COMMENT ON COLUMN phasewell.applied_scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.applied_scores.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.applied_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.applied_scores.first_h IS 'first hour that is pooled: that of the profile''s window [h]';

COMMENT ON COLUMN phasewell.applied_scores.last_h IS 'last hour that is pooled [h]';

COMMENT ON COLUMN phasewell.applied_scores.n_times IS 'times that are pooled [1]';

COMMENT ON COLUMN phasewell.applied_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell.applied_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell.applied_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell.applied_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell.applied_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell.applied_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell.applied_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell.applied_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell.applied_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON COLUMN phasewell.applied_scores.backend IS 'library that ran the network, with its version';

COMMENT ON COLUMN phasewell.applied_scores.precision IS 'f32, bf16 or f16';

COMMENT ON COLUMN phasewell.applied_scores.hardware IS 'class of the instruction set, or architecture of the GPU';

COMMENT ON VIEW phasewell.current_applied_scores IS 'scores of wells by networks that were applied to the finished run, one row per class; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_applied_scores.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_applied_scores.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.current_applied_scores.well IS 'well, row letter and column number such as B03';

COMMENT ON COLUMN phasewell.current_applied_scores.first_h IS 'first hour that is pooled: that of the profile''s window [h]';

COMMENT ON COLUMN phasewell.current_applied_scores.last_h IS 'last hour that is pooled [h]';

COMMENT ON COLUMN phasewell.current_applied_scores.n_times IS 'times that are pooled [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.class_name IS 'class of the network; every well has one row per class';

COMMENT ON COLUMN phasewell.current_applied_scores.mean_probability IS 'mean probability of the class over the scored frames; null without one [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.sd_probability IS 'SD (ddof 1) over the scored frames; null below two [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.votes IS 'scored frames whose most probable class this is [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.vote_share IS 'votes / n_scored; null without a scored frame [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.majority IS 'whether the class has the most votes; null without votes or at a tie';

COMMENT ON COLUMN phasewell.current_applied_scores.n_scored IS 'frames scored [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.n_expected IS 'frames expected: fields x times [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.coverage IS 'n_scored / n_expected [1]';

COMMENT ON COLUMN phasewell.current_applied_scores.backend IS 'library that ran the network, with its version';

COMMENT ON COLUMN phasewell.current_applied_scores.precision IS 'f32, bf16 or f16';

COMMENT ON COLUMN phasewell.current_applied_scores.hardware IS 'class of the instruction set, or architecture of the GPU';

COMMENT ON VIEW phasewell.evaluations IS 'errors of the models, beside those of the mean of the other clones; if applied, where it learned';

COMMENT ON COLUMN phasewell.evaluations.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.evaluations.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.evaluations.basis IS 'measured; truth: true descriptors of a simulated plate; applied: a finished model';

COMMENT ON COLUMN phasewell.evaluations.kind IS 'lasso, forest, xgboost, elastic_net or ridge';

COMMENT ON COLUMN phasewell.evaluations.validation IS 'scheme of the evaluation';

COMMENT ON COLUMN phasewell.evaluations.rmse IS 'root mean squared error over left-out clones [target]';

COMMENT ON COLUMN phasewell.evaluations.baseline_rmse IS 'the same of the mean of the other clones [target]';

COMMENT ON COLUMN phasewell.evaluations.q2 IS '1 - rmse^2 / baseline_rmse^2 [1]';

COMMENT ON COLUMN phasewell.evaluations.p_sign_flip IS 'one-sided sign-flip test of the gain over the baseline [1]';

COMMENT ON COLUMN phasewell.evaluations.better_than_baseline IS 'whether the model is better than the baseline';

COMMENT ON COLUMN phasewell.evaluations.verdict IS 'the same in words, with its numbers';

COMMENT ON COLUMN phasewell.evaluations.n_rows IS 'wells predicted [1]';

COMMENT ON COLUMN phasewell.evaluations.n_groups IS 'clones left out in turn [1]';

COMMENT ON COLUMN phasewell.evaluations.n_parameters IS 'profile columns offered [1]';

COMMENT ON COLUMN phasewell.evaluations.n_selected IS 'columns with a coefficient other than 0 (LASSO only) [1]';

COMMENT ON COLUMN phasewell.evaluations.shuffle_n IS 'shuffles of the target over clones; null where none was made [1]';

COMMENT ON COLUMN phasewell.evaluations.shuffle_median_ratio IS 'median RMSE / baseline RMSE of the shuffles [1]';

COMMENT ON COLUMN phasewell.evaluations.shuffle_p IS 'p value of the real target among the shuffles [1]';

COMMENT ON VIEW phasewell.current_evaluations IS 'errors of the models, beside those of the mean of the other clones; if applied, where it learned; of the current run of every plate';

COMMENT ON COLUMN phasewell.current_evaluations.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.current_evaluations.model IS 'name of the model: its folder under models/, or kind and digest of an applied one';

COMMENT ON COLUMN phasewell.current_evaluations.basis IS 'measured; truth: true descriptors of a simulated plate; applied: a finished model';

COMMENT ON COLUMN phasewell.current_evaluations.kind IS 'lasso, forest, xgboost, elastic_net or ridge';

COMMENT ON COLUMN phasewell.current_evaluations.validation IS 'scheme of the evaluation';

COMMENT ON COLUMN phasewell.current_evaluations.rmse IS 'root mean squared error over left-out clones [target]';

COMMENT ON COLUMN phasewell.current_evaluations.baseline_rmse IS 'the same of the mean of the other clones [target]';

COMMENT ON COLUMN phasewell.current_evaluations.q2 IS '1 - rmse^2 / baseline_rmse^2 [1]';

COMMENT ON COLUMN phasewell.current_evaluations.p_sign_flip IS 'one-sided sign-flip test of the gain over the baseline [1]';

COMMENT ON COLUMN phasewell.current_evaluations.better_than_baseline IS 'whether the model is better than the baseline';

COMMENT ON COLUMN phasewell.current_evaluations.verdict IS 'the same in words, with its numbers';

COMMENT ON COLUMN phasewell.current_evaluations.n_rows IS 'wells predicted [1]';

COMMENT ON COLUMN phasewell.current_evaluations.n_groups IS 'clones left out in turn [1]';

COMMENT ON COLUMN phasewell.current_evaluations.n_parameters IS 'profile columns offered [1]';

COMMENT ON COLUMN phasewell.current_evaluations.n_selected IS 'columns with a coefficient other than 0 (LASSO only) [1]';

COMMENT ON COLUMN phasewell.current_evaluations.shuffle_n IS 'shuffles of the target over clones; null where none was made [1]';

COMMENT ON COLUMN phasewell.current_evaluations.shuffle_median_ratio IS 'median RMSE / baseline RMSE of the shuffles [1]';

COMMENT ON COLUMN phasewell.current_evaluations.shuffle_p IS 'p value of the real target among the shuffles [1]';

COMMENT ON VIEW phasewell.columns IS 'every column of every table with type, unit and meaning';

COMMENT ON COLUMN phasewell.columns.table_name IS 'table';

COMMENT ON COLUMN phasewell.columns.column_name IS 'column';

COMMENT ON COLUMN phasewell.columns.position IS 'place of the column in its table, from 1 [1]';

COMMENT ON COLUMN phasewell.columns.type IS 'Arrow type';

COMMENT ON COLUMN phasewell.columns.unit IS 'unit; 1 is a plain number, empty is text or yes/no';

COMMENT ON COLUMN phasewell.columns.description IS 'what the column holds';

COMMENT ON VIEW phasewell.load_history IS 'every run that was loaded or is being loaded';

COMMENT ON COLUMN phasewell.load_history.run_id IS 'digest of plate, configuration and code';

COMMENT ON COLUMN phasewell.load_history.plate IS 'name of the plate';

COMMENT ON COLUMN phasewell.load_history.is_current IS 'whether the views current_... show this run';

COMMENT ON COLUMN phasewell.load_history.n_parts IS 'parts loaded so far [1]';

COMMENT ON COLUMN phasewell.load_history.n_cells IS 'cells in them [1]';

COMMENT ON COLUMN phasewell.load_history.loaded_at IS 'when the first whole load ended; null while a load is under way';

DELETE FROM phasewell_store.columns;

INSERT INTO phasewell_store.columns (table_name, column_name, position, type, unit, description) VALUES
('runs', 'run_id', 1, 'string', '', 'digest of plate, configuration and code'),
('runs', 'plate', 2, 'string', '', 'name of the plate'),
('runs', 'plate_digest', 3, 'string', '', 'SHA-256 over the plate''s metadata and frame records'),
('runs', 'code_version', 4, 'string', '', 'version of the engine that made the parts'),
('runs', 'definitions', 5, 'string', '', 'id of the descriptor formulas'),
('runs', 'schema_version', 6, 'int32', '1', 'version of the parts'),
('runs', 'config', 7, 'string', '', 'configuration that can change the results, as JSON'),
('runs', 'n_parts', 8, 'int64', '1', 'committed parts (well x time x stage)'),
('runs', 'n_expected', 9, 'int64', '1', 'frames expected: wells x fields x times'),
('runs', 'n_processed', 10, 'int64', '1', 'frames measured'),
('runs', 'n_quarantined', 11, 'int64', '1', 'frames delivered but unusable'),
('runs', 'n_missing', 12, 'int64', '1', 'frames never delivered'),
('plates', 'plate', 1, 'string', '', 'name of the plate'),
('plates', 'pixel_size_um', 2, 'double', 'um', 'side of a pixel'),
('plates', 'n_wells', 3, 'int32', '1', 'wells in the run'),
('plates', 'n_fields', 4, 'int32', '1', 'fields per well'),
('plates', 'n_times', 5, 'int32', '1', 'times in the run'),
('plates', 'frame_height_px', 6, 'int32', 'px', 'rows of a frame; null where the plate store was not given'),
('plates', 'frame_width_px', 7, 'int32', 'px', 'columns of a frame; null where the plate store was not given'),
('plates', 'dtype', 8, 'string', '', 'type of the stored pixels; null where the plate store was not given'),
('plates', 'window_low', 9, 'int32', 'level', 'stored value shown as 0; null for 8-bit plates'),
('plates', 'window_high', 10, 'int32', 'level', 'stored value shown as 255; null for 8-bit plates'),
('plates', 'provenance', 11, 'string', '', 'where the frames come from, as JSON; null where the store was not given'),
('wells', 'plate', 1, 'string', '', 'name of the plate'),
('wells', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('wells', 'row_index', 3, 'int32', '1', 'row of the plate, from 0'),
('wells', 'column_index', 4, 'int32', '1', 'column of the plate, from 0'),
('wells', 'annotations', 5, 'string', '', 'plate map of the well as JSON; null where the plate store was not given'),
('fields', 'plate', 1, 'string', '', 'name of the plate'),
('fields', 'field', 2, 'string', '', 'name of the field of view in its well'),
('fields', 'field_index', 3, 'int32', '1', 'place in the order of fields, from 0'),
('fields', 'mosaic_row', 4, 'int32', '1', 'row in the well''s mosaic; null where the plate store was not given'),
('fields', 'mosaic_column', 5, 'int32', '1', 'column in the well''s mosaic; null where the plate store was not given'),
('fields', 'x_um', 6, 'double', 'um', 'stage position of the first pixel; null where unknown'),
('fields', 'y_um', 7, 'double', 'um', 'stage position of the first pixel; null where unknown'),
('frames', 'plate', 1, 'string', '', 'name of the plate'),
('frames', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('frames', 'field', 3, 'string', '', 'name of the field of view in its well'),
('frames', 'time', 4, 'int32', '1', 'index in the plate''s time grid, from 0'),
('frames', 'time_h', 5, 'double', 'h', 'nominal hour of the time grid'),
('frames', 'true_time_h', 6, 'double', 'h', 'true hour where the source says it'),
('frames', 'status', 7, 'string', '', 'processed, quarantined or missing'),
('frames', 'reason', 8, 'string', '', 'why the frame was not processed'),
('frames', 'flags', 9, 'list<element: string>', '', 'marks that did not take the frame out'),
('frames', 'frame_sha256', 10, 'string', '', 'SHA-256 of the stored pixels'),
('frames', 'n_cells', 11, 'int32', '1', 'cells measured; null where the frame was not processed'),
('frames', 'mean_v', 12, 'double', 'level', 'mean grey value of the frame'),
('frames', 'saturated_fraction', 13, 'double', '1', 'share of pixels at 255'),
('frames', 'black_fraction', 14, 'double', '1', 'share of pixels at 0'),
('frames', 'focus', 15, 'double', 'level2', 'population variance of the 4-neighbour Laplacian'),
('frames', 'blur_1', 16, 'double', '1', 'gradient energy of 1 px boxes / of 2 px boxes; small is blurred'),
('frames', 'blur_2', 17, 'double', '1', 'gradient energy of 2 px boxes / of 4 px boxes; small is blurred'),
('frames', 'blur_3', 18, 'double', '1', 'gradient energy of 4 px boxes / of 8 px boxes; small is blurred'),
('frames', 'illumination_gradient', 19, 'double', 'level', 'grey levels between the brightest and the darkest band of the frame'),
('frames', 'confluence', 20, 'double', '1', 'share of pixels in a cell''s label'),
('cells', 'plate', 1, 'string', '', 'name of the plate'),
('cells', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('cells', 'field', 3, 'string', '', 'name of the field of view in its well'),
('cells', 'time', 4, 'int32', '1', 'index in the plate''s time grid, from 0'),
('cells', 'time_h', 5, 'double', 'h', 'nominal hour of the time grid'),
('cells', 'label', 6, 'int32', '1', 'number of the cell in its frame, from 1'),
('cells', 'centroid_y_px', 7, 'double', 'px', 'row of the centroid, pixel centres count from 0'),
('cells', 'centroid_x_px', 8, 'double', 'px', 'column of the centroid, pixel centres count from 0'),
('cells', 'bbox_top_px', 9, 'int32', 'px', 'first row of the cell'),
('cells', 'bbox_left_px', 10, 'int32', 'px', 'first column of the cell'),
('cells', 'bbox_bottom_px', 11, 'int32', 'px', 'row after the last'),
('cells', 'bbox_right_px', 12, 'int32', 'px', 'column after the last'),
('cells', 'area', 13, 'double', 'px2', 'pixels of the label'),
('cells', 'perimeter', 14, 'double', 'px', 'Crofton, 4 directions: pi/4 (h + v + (d1 + d2)/sqrt 2)'),
('cells', 'length', 15, 'double', 'px', '4 sqrt(larger eigenvalue of the population covariance of pixel centres)'),
('cells', 'breadth', 16, 'double', 'px', '4 sqrt(smaller eigenvalue of the same covariance)'),
('cells', 'elliptical_form_factor', 17, 'double', '1', 'length / breadth; null when breadth is 0'),
('cells', 'compactness', 18, 'double', '1', 'perimeter^2 / (4 pi area), not clipped'),
('cells', 'contrast', 19, 'double', 'level2', 'sum p (i - j)^2'),
('cells', 'dissimilarity', 20, 'double', 'level', 'sum p |i - j|'),
('cells', 'homogeneity', 21, 'double', '1', 'sum p / (1 + (i - j)^2)'),
('cells', 'asm', 22, 'double', '1', 'sum p^2'),
('cells', 'energy', 23, 'double', '1', 'sqrt(asm)'),
('cells', 'correlation', 24, 'double', '1', 'sum p (i - mu)(j - mu) / var; 1 when var is 0'),
('moments', 'plate', 1, 'string', '', 'name of the plate'),
('moments', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('moments', 'field', 3, 'string', '', 'name of the field of view in its well'),
('moments', 'time', 4, 'int32', '1', 'index in the plate''s time grid, from 0'),
('moments', 'time_h', 5, 'double', 'h', 'nominal hour of the time grid'),
('moments', 'descriptor', 6, 'string', '', 'name of the descriptor'),
('moments', 'descriptor_unit', 7, 'string', '', 'unit of mean; m2 has its square'),
('moments', 'n', 8, 'int64', '1', 'cells of the field with a defined value'),
('moments', 'mean', 9, 'double', 'descriptor_unit', 'mean over these cells; 0 where n is 0'),
('moments', 'm2', 10, 'double', 'descriptor_unit squared', 'sum of squared deviations from the mean'),
('scores', 'plate', 1, 'string', '', 'name of the plate'),
('scores', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('scores', 'field', 3, 'string', '', 'name of the field of view in its well'),
('scores', 'time', 4, 'int32', '1', 'index in the plate''s time grid, from 0'),
('scores', 'time_h', 5, 'double', 'h', 'nominal hour of the time grid'),
('scores', 'class_name', 6, 'string', '', 'class of the network; every frame has one row per class'),
('scores', 'status', 7, 'string', '', 'processed (scored), quarantined or missing'),
('scores', 'reason', 8, 'string', '', 'why the frame was not scored, such as too_bright'),
('scores', 'mean_v', 9, 'double', 'level', 'mean grey value of the part of the frame that is scored, before adjustment'),
('scores', 'too_bright', 10, 'bool', '', 'whether the brightness rule kept the frame from the network'),
('scores', 'adjustment', 11, 'double', 'level', 'levels added to every pixel (mode offset), or the gain (mode gain)'),
('scores', 'clipped_share', 12, 'double', '1', 'share of pixels that the adjustment sent outside 0..255'),
('scores', 'logit', 13, 'double', '1', 'output of the network for the class; null where the frame was not scored'),
('scores', 'probability', 14, 'double', '1', 'softmax of the logits over the classes'),
('scores', 'model_sha256', 15, 'string', '', 'digest of the model''s card, which names the digests of its files'),
('scores', 'backend', 16, 'string', '', 'library that ran the network, with its version'),
('scores', 'precision', 17, 'string', '', 'f32, bf16 or f16'),
('scores', 'hardware', 18, 'string', '', 'class of the instruction set, or architecture of the GPU'),
('hour_scores', 'plate', 1, 'string', '', 'name of the plate'),
('hour_scores', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('hour_scores', 'time', 3, 'int32', '1', 'index in the plate''s time grid, from 0'),
('hour_scores', 'time_h', 4, 'double', 'h', 'nominal hour of the time grid'),
('hour_scores', 'class_name', 5, 'string', '', 'class of the network; every well has one row per class'),
('hour_scores', 'mean_probability', 6, 'double', '1', 'mean probability of the class over the scored frames; null without one'),
('hour_scores', 'sd_probability', 7, 'double', '1', 'SD (ddof 1) over the scored frames; null below two'),
('hour_scores', 'votes', 8, 'int64', '1', 'scored frames whose most probable class this is'),
('hour_scores', 'vote_share', 9, 'double', '1', 'votes / n_scored; null without a scored frame'),
('hour_scores', 'majority', 10, 'bool', '', 'whether the class has the most votes; null without votes or at a tie'),
('hour_scores', 'n_scored', 11, 'int64', '1', 'frames scored'),
('hour_scores', 'n_expected', 12, 'int64', '1', 'frames expected: fields x times'),
('hour_scores', 'coverage', 13, 'double', '1', 'n_scored / n_expected'),
('well_scores', 'plate', 1, 'string', '', 'name of the plate'),
('well_scores', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('well_scores', 'first_h', 3, 'double', 'h', 'first hour that is pooled: that of the profile''s window'),
('well_scores', 'last_h', 4, 'double', 'h', 'last hour that is pooled'),
('well_scores', 'n_times', 5, 'int32', '1', 'times that are pooled'),
('well_scores', 'class_name', 6, 'string', '', 'class of the network; every well has one row per class'),
('well_scores', 'mean_probability', 7, 'double', '1', 'mean probability of the class over the scored frames; null without one'),
('well_scores', 'sd_probability', 8, 'double', '1', 'SD (ddof 1) over the scored frames; null below two'),
('well_scores', 'votes', 9, 'int64', '1', 'scored frames whose most probable class this is'),
('well_scores', 'vote_share', 10, 'double', '1', 'votes / n_scored; null without a scored frame'),
('well_scores', 'majority', 11, 'bool', '', 'whether the class has the most votes; null without votes or at a tie'),
('well_scores', 'n_scored', 12, 'int64', '1', 'frames scored'),
('well_scores', 'n_expected', 13, 'int64', '1', 'frames expected: fields x times'),
('well_scores', 'coverage', 14, 'double', '1', 'n_scored / n_expected'),
('profiles', 'plate', 1, 'string', '', 'name of the plate'),
('profiles', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('profiles', 'time', 3, 'int32', '1', 'index in the plate''s time grid, from 0'),
('profiles', 'time_h', 4, 'double', 'h', 'nominal hour of the time grid'),
('profiles', 'descriptor', 5, 'string', '', 'name of the descriptor'),
('profiles', 'statistic', 6, 'string', '', 'mean, or SD with ddof 1, over the pooled cells of the fields'),
('profiles', 'descriptor_unit', 7, 'string', '', 'unit of value'),
('profiles', 'value', 8, 'double', 'descriptor_unit', 'the statistic; null where undefined, see reason'),
('profiles', 'reason', 9, 'string', '', 'why value is null: too_few_fields or too_few_cells'),
('profiles', 'n_cells', 10, 'int64', '1', 'cells pooled, of the well and hour'),
('profiles', 'n_fields', 11, 'int32', '1', 'fields measured, of the well and hour'),
('profiles', 'n_fields_expected', 12, 'int32', '1', 'fields chosen'),
('models', 'model', 1, 'string', '', 'name of the model: its folder under models/, or kind and digest of an applied one'),
('models', 'applied', 2, 'bool', '', 'whether a finished model was applied to the run, not fitted on it'),
('models', 'kind', 3, 'string', '', 'lasso, forest, xgboost, elastic_net or ridge; of a network: which'),
('models', 'digest', 4, 'string', '', 'SHA-256 of its manifest.json, of a network that of its card; it names its files'),
('models', 'seed', 5, 'int64', '1', 'seed of the fit; null for networks'),
('models', 'validation', 6, 'string', '', 'scheme of the evaluation; of a network: the lines it was evaluated on'),
('models', 'definitions', 7, 'string', '', 'id of the descriptor formulas; null for networks'),
('models', 'pixel_size_um', 8, 'double', 'um', 'pixel size of what it was fitted on; null where bound to none'),
('models', 'n_columns', 9, 'int32', '1', 'profile columns it uses; null for networks'),
('models', 'n_groups', 10, 'int32', '1', 'clones, or lines, it was fitted on'),
('models', 'training_digest', 11, 'string', '', 'SHA-256 of what it was fitted on'),
('models', 'plates', 12, 'list<element: string>', '', 'plates it was fitted on; empty where it does not say'),
('models', 'target', 13, 'string', '', 'column of the plate map that it predicts; null for networks'),
('models', 'parameters', 14, 'string', '', 'as JSON: parameters that differ from the preset; of a network its recipe'),
('models', 'versions', 15, 'string', '', 'versions of the libraries, as JSON'),
('predictions', 'model', 1, 'string', '', 'name of the model: its folder under models/, or kind and digest of an applied one'),
('predictions', 'basis', 2, 'string', '', 'measured; truth: true descriptors of a simulated plate; applied: a finished model'),
('predictions', 'well', 3, 'string', '', 'well, row letter and column number such as B03'),
('predictions', 'group_id', 4, 'string', '', 'clone, left out for this row; if applied, as the plate map has it'),
('predictions', 'truth', 5, 'double', 'target', 'measured target; if applied, as the plate map has it, else null'),
('predictions', 'predicted', 6, 'double', 'target', 'by a model that never saw the clone, unless learned_from; or null'),
('predictions', 'baseline', 7, 'double', 'target', 'mean target of the other clones; if applied, of the wells learned from'),
('predictions', 'low', 8, 'double', 'target', 'lower end of the jackknife+ interval; null where infinite, or not applied'),
('predictions', 'high', 9, 'double', 'target', 'upper end of the jackknife+ interval; null where infinite, or not applied'),
('predictions', 'level', 10, 'double', '1', 'share of new clones that the interval aims to cover; null where not applied'),
('predictions', 'inside', 11, 'bool', '', 'whether the model knows wells like this one; null where not applied'),
('predictions', 'reasons', 12, 'string', '', 'why it does not, joined by ''; ''; null where inside or not applied'),
('predictions', 'learned_from', 13, 'bool', '', 'whether the applied model was fitted on this well; null where not applied'),
('applied_scores', 'model', 1, 'string', '', 'name of the model: its folder under models/, or kind and digest of an applied one'),
('applied_scores', 'well', 2, 'string', '', 'well, row letter and column number such as B03'),
('applied_scores', 'first_h', 3, 'double', 'h', 'first hour that is pooled: that of the profile''s window'),
('applied_scores', 'last_h', 4, 'double', 'h', 'last hour that is pooled'),
('applied_scores', 'n_times', 5, 'int32', '1', 'times that are pooled'),
('applied_scores', 'class_name', 6, 'string', '', 'class of the network; every well has one row per class'),
('applied_scores', 'mean_probability', 7, 'double', '1', 'mean probability of the class over the scored frames; null without one'),
('applied_scores', 'sd_probability', 8, 'double', '1', 'SD (ddof 1) over the scored frames; null below two'),
('applied_scores', 'votes', 9, 'int64', '1', 'scored frames whose most probable class this is'),
('applied_scores', 'vote_share', 10, 'double', '1', 'votes / n_scored; null without a scored frame'),
('applied_scores', 'majority', 11, 'bool', '', 'whether the class has the most votes; null without votes or at a tie'),
('applied_scores', 'n_scored', 12, 'int64', '1', 'frames scored'),
('applied_scores', 'n_expected', 13, 'int64', '1', 'frames expected: fields x times'),
('applied_scores', 'coverage', 14, 'double', '1', 'n_scored / n_expected'),
('applied_scores', 'backend', 15, 'string', '', 'library that ran the network, with its version'),
('applied_scores', 'precision', 16, 'string', '', 'f32, bf16 or f16'),
('applied_scores', 'hardware', 17, 'string', '', 'class of the instruction set, or architecture of the GPU'),
('evaluations', 'model', 1, 'string', '', 'name of the model: its folder under models/, or kind and digest of an applied one'),
('evaluations', 'basis', 2, 'string', '', 'measured; truth: true descriptors of a simulated plate; applied: a finished model'),
('evaluations', 'kind', 3, 'string', '', 'lasso, forest, xgboost, elastic_net or ridge'),
('evaluations', 'validation', 4, 'string', '', 'scheme of the evaluation'),
('evaluations', 'rmse', 5, 'double', 'target', 'root mean squared error over left-out clones'),
('evaluations', 'baseline_rmse', 6, 'double', 'target', 'the same of the mean of the other clones'),
('evaluations', 'q2', 7, 'double', '1', '1 - rmse^2 / baseline_rmse^2'),
('evaluations', 'p_sign_flip', 8, 'double', '1', 'one-sided sign-flip test of the gain over the baseline'),
('evaluations', 'better_than_baseline', 9, 'bool', '', 'whether the model is better than the baseline'),
('evaluations', 'verdict', 10, 'string', '', 'the same in words, with its numbers'),
('evaluations', 'n_rows', 11, 'int32', '1', 'wells predicted'),
('evaluations', 'n_groups', 12, 'int32', '1', 'clones left out in turn'),
('evaluations', 'n_parameters', 13, 'int32', '1', 'profile columns offered'),
('evaluations', 'n_selected', 14, 'int32', '1', 'columns with a coefficient other than 0 (LASSO only)'),
('evaluations', 'shuffle_n', 15, 'int32', '1', 'shuffles of the target over clones; null where none was made'),
('evaluations', 'shuffle_median_ratio', 16, 'double', '1', 'median RMSE / baseline RMSE of the shuffles'),
('evaluations', 'shuffle_p', 17, 'double', '1', 'p value of the real target among the shuffles'),
('columns', 'table_name', 1, 'string', '', 'table'),
('columns', 'column_name', 2, 'string', '', 'column'),
('columns', 'position', 3, 'int32', '1', 'place of the column in its table, from 1'),
('columns', 'type', 4, 'string', '', 'Arrow type'),
('columns', 'unit', 5, 'string', '', 'unit; 1 is a plain number, empty is text or yes/no'),
('columns', 'description', 6, 'string', '', 'what the column holds');

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'phasewell_reader') THEN
    CREATE ROLE phasewell_reader NOLOGIN;
  END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
  RAISE NOTICE 'role phasewell_reader was not made: %', SQLERRM;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'phasewell_loader') THEN
    CREATE ROLE phasewell_loader NOLOGIN;
  END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
  RAISE NOTICE 'role phasewell_loader was not made: %', SQLERRM;
END $$;

DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'phasewell_reader') THEN
    GRANT USAGE ON SCHEMA phasewell TO phasewell_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA phasewell TO phasewell_reader;
  END IF;
END $$;

DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'phasewell_loader') THEN
    GRANT USAGE ON SCHEMA phasewell TO phasewell_loader;
    GRANT SELECT ON ALL TABLES IN SCHEMA phasewell TO phasewell_loader;
    GRANT USAGE ON SCHEMA phasewell_store TO phasewell_loader;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA phasewell_store TO phasewell_loader;
    REVOKE INSERT, UPDATE, DELETE ON phasewell_store.schema_version, phasewell_store.columns FROM phasewell_loader;
  END IF;
END $$;
