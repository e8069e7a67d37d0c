-- The year of a movie is what the last "(dddd)" of its title holds.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO all

SELECT title, title_year(title)
  FROM (VALUES ('Toy (1995)'), ('Toy (1995) '), ('Toy (1948) (1984)'), ('Toy (1984) (director''s cut)'),
               ('1984 (1956)'), ('1984'), ('Toy (84)'), ('Toy (19845)'), ('Toy (1984'), ('Toy 1984)'),
               ('Toy (198x)'), ('Toy (1980-1984)'), ('Toy (0000)'), ('Toy (0000) (1984)'), ('(2001)'), ('(200)'),
               ('(1999)(2000)'), ('((2001))'), (''), (NULL)) AS titles (title);
