-- the tables of version 1: results by part and by run, the load ledger

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
