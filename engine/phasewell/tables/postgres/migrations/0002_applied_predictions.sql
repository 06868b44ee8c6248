-- predictions of models that were applied to a run: their intervals, and whether the model knows such wells

ALTER TABLE phasewell_store.predictions
  ADD COLUMN low double precision,
  ADD COLUMN high double precision,
  ADD COLUMN level double precision,
  ADD COLUMN inside boolean,
  ADD COLUMN reasons text COLLATE "C",
  ADD COLUMN learned_from boolean;
