-- luatz.timetable
return require("luatz").timetable
