-- Counters of a group, written with each of its evaluations.
CREATE TABLE heads (name TEXT PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID;
-- All series that a group knows, as one value: most of them are quietly ok.
CREATE TABLE known (name TEXT PRIMARY KEY, series TEXT NOT NULL) WITHOUT ROWID;
-- Series with a running clock or an incident.
CREATE TABLE series (
    name TEXT NOT NULL,
    legend TEXT NOT NULL,
    active TEXT NOT NULL,
    PRIMARY KEY (name, legend)
) WITHOUT ROWID;
-- Incidents that are open, or owed to somebody.
CREATE TABLE incidents (id TEXT PRIMARY KEY, incident TEXT NOT NULL) WITHOUT ROWID;
-- What each receiver was told of them.
CREATE TABLE deliveries (
    incident TEXT NOT NULL,
    receiver TEXT NOT NULL,
    recipient TEXT NOT NULL,
    delivery TEXT NOT NULL,
    PRIMARY KEY (incident, receiver, recipient)
) WITHOUT ROWID;
-- What the agent remembers of itself: one row.
CREATE TABLE memory (one INTEGER PRIMARY KEY CHECK (one = 1), memory TEXT NOT NULL);
