-- oldest: 2
-- Texts of up to about 4 KiB stay in their row, others are compressed first: a search that reads
-- them in order then takes half of the time. What is there keeps its place and is read as before.
ALTER TABLE message_text SET (toast_tuple_target = 4080);
