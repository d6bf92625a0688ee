-- luatz.timetable: times as tables
return require("luatz").timetable
