-- How customers pay, and in which countries each way of paying is known.
-- depends_on: countries
-- requires_schema: 003_markets

INSERT INTO payment_methods (code, name)
SELECT 'card', 'Credit or debit card'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'card');

INSERT INTO payment_methods (code, name)
SELECT 'sepa', 'SEPA direct debit'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'sepa');

INSERT INTO payment_methods (code, name)
SELECT 'ideal', 'iDEAL'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'ideal');

INSERT INTO payment_methods (code, name)
SELECT 'bancontact', 'Bancontact'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'bancontact');

INSERT INTO payment_methods (code, name)
SELECT 'twint', 'TWINT'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'twint');

INSERT INTO payment_methods (code, name)
SELECT 'swish', 'Swish'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'swish');

INSERT INTO payment_methods (code, name)
SELECT 'blik', 'BLIK'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'blik');

INSERT INTO payment_methods (code, name)
SELECT 'pix', 'Pix'
WHERE NOT EXISTS (SELECT 1 FROM payment_methods WHERE code = 'pix');

-- A card is good everywhere.
INSERT INTO payment_method_countries (payment_method_code, country_code)
SELECT 'card', countries.code
FROM countries
WHERE NOT EXISTS (
    SELECT 1 FROM payment_method_countries AS known
    WHERE known.payment_method_code = 'card' AND known.country_code = countries.code
);

-- SEPA reaches beyond the euro, and beyond the European Union.
INSERT INTO payment_method_countries (payment_method_code, country_code)
SELECT 'sepa', countries.code
FROM countries
WHERE countries.code IN (
    'AD', 'AT', 'BE', 'BG', 'CH', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GB', 'GR', 'HR', 'HU', 'IE',
    'IS', 'IT', 'LI', 'LT', 'LU', 'LV', 'MC', 'MT', 'NL', 'NO', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK', 'SM', 'VA'
)
AND NOT EXISTS (
    SELECT 1 FROM payment_method_countries AS known
    WHERE known.payment_method_code = 'sepa' AND known.country_code = countries.code
);

-- The rest are at home in one country each.
INSERT INTO payment_method_countries (payment_method_code, country_code)
SELECT payment_methods.code, countries.code
FROM payment_methods
JOIN countries ON (payment_methods.code = 'ideal' AND countries.code = 'NL')
               OR (payment_methods.code = 'bancontact' AND countries.code = 'BE')
               OR (payment_methods.code = 'twint' AND countries.code = 'CH')
               OR (payment_methods.code = 'swish' AND countries.code = 'SE')
               OR (payment_methods.code = 'blik' AND countries.code = 'PL')
               OR (payment_methods.code = 'pix' AND countries.code = 'BR')
WHERE NOT EXISTS (
    SELECT 1 FROM payment_method_countries AS known
    WHERE known.payment_method_code = payment_methods.code AND known.country_code = countries.code
);

-- tdm-seed: verify
SELECT count(*) = 8
FROM payment_methods
WHERE code IN ('card', 'sepa', 'ideal', 'bancontact', 'twint', 'swish', 'blik', 'pix');

SELECT count(*) = 0
FROM countries
WHERE NOT EXISTS (
    SELECT 1 FROM payment_method_countries AS offered WHERE offered.country_code = countries.code
);

-- tdm-seed: downgrade
DELETE FROM payment_method_countries
WHERE payment_method_code IN ('card', 'sepa', 'ideal', 'bancontact', 'twint', 'swish', 'blik', 'pix');

DELETE FROM payment_methods
WHERE code IN ('card', 'sepa', 'ideal', 'bancontact', 'twint', 'swish', 'blik', 'pix');
