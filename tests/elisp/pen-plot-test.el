;;; pen-plot-test.el --- Tests of pen-plot -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: GPL-3.0-or-later

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

(ert-deftest pen-plot-test-a-long-series-is-thinned-but-keeps-its-ends ()
  (let* ((points (mapcar (lambda (i) (cons i (float i))) (number-sequence 0 4999)))
         (thin (pen-plot-downsample points 600)))
    (should (= (length thin) 600))
    (should (equal (car thin) '(0 . 0.0)))
    (should (equal (car (last thin)) '(4999 . 4999.0)))))

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
