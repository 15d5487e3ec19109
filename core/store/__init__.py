"""PostgreSQL, and the only place that speaks SQL. Statements are written out; decisions are made elsewhere."""
