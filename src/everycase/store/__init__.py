"""PostgreSQL, concrete: staging, tracking, the vector cache. The only durable truth of ours."""
