;;; pen-dataset-rendering.el --- How a row is rendered for training -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The row at point as the model will read it: every text with its weight and
;; the tokens it has, and the white space that matters made visible.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'pen-figure)
(require 'pen-source-place)
(require 'pen-dataset-state)
(require 'pen-dataset-row)
(require 'pen-dataset-view)

;;;; Functions

(defun pen-dataset--visible (text)
  "Return TEXT with its line breaks, and the spaces at its ends, made visible."
  (let ((dots (lambda (spaces) (make-string (length spaces) ?·))))
    (thread-last text
                 (replace-regexp-in-string "\\` +" dots)
                 (replace-regexp-in-string " +\\'" dots)
                 (replace-regexp-in-string "\n" "↵\n"))))

;;;; Commands

(defun pen-dataset-rendering ()
  "Show how the row at point is rendered: every text with its weight and tokens."
  (interactive)
  (let* ((number (pen-dataset-row-number))
         (plan pen-dataset--plan)
         (row (nth (1- number) (plist-get plan :rows)))
         (where (pen-source-place pen-dataset--source (plist-get row :where)))
         (segments (plist-get row :segments))
         (texts (pen-dataset-texts-of segments)))
    (with-help-window "*pen-rendering*"
      (with-current-buffer standard-output
        (setq-local word-wrap t)
        (insert (format "Row %d, %s, from %s, by the definition %s.\n· is a space at an end, ↵ a line break.\n"
                        number (if (eq 'valid (plist-get row :side))
                                   "held out" "trained on")
                        where (plist-get plan :prompt)))
        (cl-loop for segment in segments
                 for text in texts
                 for index from 1
                 do (insert (propertize
                             (format "\ntext %d: weight %g, %s\n" index
                                     (plist-get segment :weight)
                                     (pen-figure-count (plist-get segment :tokens) "token"))
                             'face 'shadow)
                            (pen-dataset--visible text) "\n"))))))

(provide 'pen-dataset-rendering)
;;; pen-dataset-rendering.el ends here
