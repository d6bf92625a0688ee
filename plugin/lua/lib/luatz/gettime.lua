-- luatz.gettime: the time
return require("luatz").gettime
