;;; pen-figure.el --- Figures as people say them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A figure that is not known is a dash, one that no number is says so.

;;; Code:

(defun pen-figure-count (number noun)
  "Return NUMBER and NOUN, in the plural where it must be."
  (format "%s %s%s" (pen-figure-thousands number) noun (if (= number 1) "" "s")))

(defun pen-figure-duration (seconds)
  "Return SECONDS as a person would say it."
  (cond ((or (not (numberp seconds)) (isnan (float seconds))) "–")
        ((< seconds 60) (format "%d s" (round seconds)))
        ((< seconds 3600) (format "%d min" (round seconds 60)))
        (t (format "%.1f h" (/ seconds 3600.0)))))

(defun pen-figure-loss (loss)
  "Return LOSS for people; NaN in the face of an error."
  (cond ((not (numberp loss)) "–")
        ((or (isnan (float loss)) (= (abs loss) 1.0e+INF))
         (propertize (if (isnan (float loss)) "NaN" "infinite") 'face 'error))
        (t (format "%.3f" loss))))

(defun pen-figure-rate (rate)
  "Return RATE, in tokens a second, for people."
  (if (numberp rate) (format "%d tokens/s" (round rate)) "–"))

(defun pen-figure-short (number)
  "Return NUMBER with a digit behind the point if it needs one."
  (format "%g" (/ (round (* 10 number)) 10.0)))

(defun pen-figure-thousands (number)
  "Return NUMBER with its thousands apart."
  (let ((text (number-to-string number)))
    (while (string-match "\\`\\([0-9]+\\)\\([0-9]\\{3\\}\\(?:,.*\\)?\\)\\'" text)
      (setq text (concat (match-string 1 text) "," (match-string 2 text))))
    text))

(provide 'pen-figure)
;;; pen-figure.el ends here
