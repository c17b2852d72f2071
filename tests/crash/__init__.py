"""Kill the mayor, its keeper, its workers and its git in every gap; resume; nothing may be lost or done twice."""
