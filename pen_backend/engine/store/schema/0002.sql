-- How a job's trainer died last, for people: a job that goes on from its checkpoint looks well otherwise.
ALTER TABLE jobs ADD COLUMN interruption TEXT;
