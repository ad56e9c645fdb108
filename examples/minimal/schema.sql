-- Whatever makes your schema: this one stands for it.
CREATE TABLE countries (code VARCHAR(2) PRIMARY KEY, name VARCHAR(80) NOT NULL);
CREATE TABLE units (code VARCHAR(8) PRIMARY KEY, name VARCHAR(80) NOT NULL);
CREATE TABLE warehouses (
    code VARCHAR(8) PRIMARY KEY,
    country_code VARCHAR(2) NOT NULL REFERENCES countries (code)
);
