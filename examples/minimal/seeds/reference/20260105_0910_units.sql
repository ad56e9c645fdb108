-- What is counted.
INSERT INTO units (code, name)
SELECT 'piece', 'Piece'
WHERE NOT EXISTS (SELECT 1 FROM units WHERE code = 'piece');

-- tdm-seed: verify
SELECT count(*) = 1 FROM units WHERE code = 'piece';

-- tdm-seed: downgrade
DELETE FROM units WHERE code = 'piece';
