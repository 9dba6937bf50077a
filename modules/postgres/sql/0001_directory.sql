-- oldest: 1
CREATE TABLE schema_version (
    version integer PRIMARY KEY,
    oldest integer NOT NULL
);
