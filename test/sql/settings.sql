-- A setting that does not exist is refused, once the module is loaded.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO all
LOAD 'mlrec';
SET mlrec.recall = 0.9;
SET mlrec.recall = 2;
\set VERBOSITY sqlstate
SET mlrec.recal = 0.9;
\set VERBOSITY default
