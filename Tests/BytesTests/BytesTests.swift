// The BytesTests target.
