-- models that were applied to a run are in models and evaluations; scores by applied networks

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
