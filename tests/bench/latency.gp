# Latency against load: gnuplot -e "data='...'; svg='...'" tests/bench/latency.gp
set terminal svg size 900,560 font 'sans-serif,13' background 'white'
set output svg
set title 'Parley: latency against load (open loop, counted from the moment a send was due)'
set xlabel 'messages a second: sent, delivered, acknowledged, receipt seen'
set ylabel 'milliseconds'
set logscale y
set grid ytics xtics lc rgb '#dddddd'
set key top left
set style data linespoints
plot data using 1:2 title 'send p50'     lc rgb '#1f77b4' lw 2 pt 7 ps 0.6, \
     data using 1:3 title 'send p99'     lc rgb '#1f77b4' lw 2 dt 2 pt 6 ps 0.6, \
     data using 1:4 title 'delivery p50' lc rgb '#d62728' lw 2 pt 7 ps 0.6, \
     data using 1:5 title 'delivery p99' lc rgb '#d62728' lw 2 dt 2 pt 6 ps 0.6
