;;; pen-plot-test.el --- Tests of pen-plot -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The pictures as a reader of the SVG text finds them.

;;; Code:

(require 'ert)
(require 'dom)
(require 'pen-plot)

(defun pen-plot-test--dom (svg)
  "Parse SVG text."
  (with-temp-buffer
    (insert svg)
    (libxml-parse-xml-region (point-min) (point-max))))

(defun pen-plot-test--points (svg)
  "Count the places of each polyline in SVG."
  (mapcar (lambda (line) (length (split-string (dom-attr line 'points))))
          (dom-by-tag (pen-plot-test--dom svg) 'polyline)))

(ert-deftest pen-plot-test-every-point-is-drawn ()
  (let ((points (mapcar (lambda (i) (cons i (/ 10.0 (1+ i)))) (number-sequence 0 39))))
    (should (equal (pen-plot-test--points (pen-plot-svg `(("train" "#36c" ,points))))
                   '(40)))))

(ert-deftest pen-plot-test-no-more-than-600-points-of-a-line-are-drawn ()
  (let ((points (mapcar (lambda (i) (cons i (/ 10.0 (1+ i)))) (number-sequence 0 4999))))
    (should (equal (pen-plot-test--points (pen-plot-svg `(("train" "#36c" ,points)) 2000))
                   '(600)))))

(ert-deftest pen-plot-test-a-long-series-is-thinned-but-keeps-its-ends ()
  (let* ((points (mapcar (lambda (i) (cons i (float i))) (number-sequence 0 4999)))
         (thin (pen-plot-downsample points 600)))
    (should (= (length thin) 600))
    (should (equal (car thin) '(0 . 0.0)))
    (should (equal (car (last thin)) '(4999 . 4999.0)))))

(ert-deftest pen-plot-test-thinning-keeps-every-peak ()
  (let* ((points (mapcar (lambda (i) (cons i (pcase i (1234 99.0) (3456 -99.0) (_ (sin i)))))
                         (number-sequence 0 4999)))
         (thin (pen-plot-downsample points 600)))
    (should (<= (length thin) 600))
    (should (member '(1234 . 99.0) thin))
    (should (member '(3456 . -99.0) thin))
    (should (equal thin (sort (copy-sequence thin) #'car-less-than-car)))))

(ert-deftest pen-plot-test-sparkline-falls-with-its-values ()
  (should (equal (pen-plot-sparkline '(8 7 6 5 4 3 2 1) 8) "█▇▆▅▄▃▂▁"))
  (should (equal (pen-plot-sparkline '(8 8 1 1) 2) "█▁"))
  (should (equal (pen-plot-sparkline '(2.0) 10) "▄"))
  (should (equal (pen-plot-sparkline nil 10) "")))

(ert-deftest pen-plot-test-sparkline-tells-missing-from-diverged ()
  (should (equal (pen-plot-sparkline (list nil 2 nil 1 0.0e+NaN 1.0e+INF) 6) " █ ▁××")))

(ert-deftest pen-plot-test-sparklines-of-one-scale-can-be-compared ()
  (should (equal (pen-plot-sparkline '(2 1) 2 0 8) "▃▂")))

(ert-deftest pen-plot-test-logarithm-leaves-out-what-has-none ()
  (let ((plot (pen-plot-make '(("train" "red" ((1 . 100.0) (2 . 1.0) (3 . 0.0)))) :log t)))
    (should (equal (pen-plot-test--points (pen-plot-draw plot)) '(2)))
    (should (equal (pen-plot-log-ticks 1.0 100.0) '(1.0 2.0 5.0 10.0 20.0 50.0 100.0)))))

(ert-deftest pen-plot-test-a-click-finds-the-x-that-is-drawn-there ()
  (let ((plot (pen-plot-make '(("train" "red" ((10 . 4.0) (400 . 1.0)))) :width 500)))
    (dolist (x '(10 120 400))
      (should (< (abs (- x (pen-plot-x-at plot (pen-plot-to-x plot x)))) 0.001)))))

(ert-deftest pen-plot-test-values-that-are-not-finite-are-left-out ()
  (let ((svg (pen-plot-svg '(("train" "red" ((1 . 2.0) (2 . 1.0) (3 . 0.0e+NaN) (4 . 1.0e+INF)))))))
    (should (equal (pen-plot-test--points svg) '(2)))))

(ert-deftest pen-plot-test-nothing-to-draw-is-said ()
  (should-error (pen-plot-svg '(("train" "red" ()))) :type 'user-error))

(ert-deftest pen-plot-test-names-cannot-break-the-picture ()
  (let ((dom (pen-plot-test--dom
              (pen-plot-svg '(("a<b & \"c\"" "red" ((1 . 1.0) (2 . 2.0))))))))
    (should (member "a<b & \"c\"" (mapcar #'dom-text (dom-by-tag dom 'text))))))

(ert-deftest pen-plot-test-ticks-are-round-and-inside ()
  (should (equal (pen-plot-ticks 0.0 10.0 5) '(0.0 2.0 4.0 6.0 8.0 10.0)))
  (dolist (tick (pen-plot-ticks 1.93 4.41 5))
    (should (<= 1.93 tick 4.41))))

(ert-deftest pen-plot-test-lower-loss-is-lower-in-the-picture ()
  (let* ((svg (pen-plot-svg '(("train" "red" ((1 . 4.0) (2 . 1.0))))))
         (line (car (dom-by-tag (pen-plot-test--dom svg) 'polyline)))
         (ys (mapcar (lambda (place) (string-to-number (cadr (split-string place ","))))
                     (split-string (dom-attr line 'points)))))
    (should (< (car ys) (cadr ys)))))

(provide 'pen-plot-test)
;;; pen-plot-test.el ends here
