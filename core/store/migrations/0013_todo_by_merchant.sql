-- Todo is claimed merchant by merchant. The index by age alone would tempt the planner to look for one merchant's oldest
-- in the backlog of all.

DROP INDEX todo_oldest;
