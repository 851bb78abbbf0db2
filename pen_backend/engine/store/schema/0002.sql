-- How a job's trainer died last, for people: a job that goes on from its checkpoint looks well otherwise.
ALTER TABLE jobs ADD COLUMN interruption TEXT;
-- What a job creation with an Idempotency-Key was answered, so that the same one sent again makes no second job.
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    expires REAL NOT NULL
);
CREATE INDEX idempotency_expires ON idempotency (expires);
