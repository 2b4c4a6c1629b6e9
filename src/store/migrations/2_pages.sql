-- Known series of a group are stored in pages of some hundred: one that comes or
-- goes then writes its page, and not all of them. What was one value is one page
-- here, which the first start takes apart.
CREATE TABLE pages (
    name TEXT NOT NULL,
    page INTEGER NOT NULL,
    series TEXT NOT NULL,
    PRIMARY KEY (name, page)
) WITHOUT ROWID;
INSERT INTO pages (name, page, series) SELECT name, 0, series FROM known;
DROP TABLE known;
ALTER TABLE pages RENAME TO known;
