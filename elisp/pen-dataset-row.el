;;; pen-dataset-row.el --- Rows of a training set, a line each -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The first rows of a plan as text in columns: number, side, the segments with
;; the weight of each as a face, weights, and the place each row comes from.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-figure)
(require 'pen-redraw)
(require 'pen-source-place)
(require 'pen-dataset-state)

;;;; Faces

(defface pen-weight-none '((t :inherit shadow))
  "Segments of a training row with weight 0: read, never learned."
  :group 'pen)

(defface pen-weight-part '((t :inherit font-lock-string-face))
  "Segments of a training row that count for less than the heaviest one."
  :group 'pen)

(defface pen-weight-full '((t :inherit bold))
  "Segments of a training row that count most."
  :group 'pen)

(defface pen-mark '((t :inherit font-lock-constant-face :weight bold))
  "Marks of rows that are changed by hand."
  :group 'pen)

(defface pen-left-out '((t :inherit shadow :strike-through t))
  "Rows that are to be left out."
  :group 'pen)

;;;; Functions

(defun pen-dataset-insert-rows ()
  "Insert the rows of the plan, what their faces mean, and how many there are."
  (let ((rows (plist-get pen-dataset--plan :rows)))
    (when rows
      (insert (propertize "weights: " 'face 'shadow)
              (propertize "none" 'face 'pen-weight-none) " "
              (propertize "part" 'face 'pen-weight-part) " "
              (propertize "full" 'face 'pen-weight-full)
              (propertize "    ↵ a line break, ⇥ a tab    P how a row is rendered\n" 'face 'shadow)))
    (cl-loop for row in rows
             for tail in (pen-dataset--tails rows)
             for number from 1
             do (pen-dataset--insert-row number row tail))
    (let ((hidden (- (or (plist-get pen-dataset--plan :records) 0) (length rows))))
      (when (> hidden 0)
        (insert (propertize (format "… and %d more in %s\n" hidden
                                    (abbreviate-file-name
                                     (plist-get pen-dataset--plan :directory)))
                            'face 'shadow))))))

(defun pen-dataset--insert-row (number row tail)
  "Insert ROW, which has NUMBER and ends with TAIL, as wide as that of any row."
  (let* ((mark (pen-dataset--mark row))
         (texts (pen-dataset-texts-of (plist-get row :segments)))
         (head (format "%-3d %s" number (pen-dataset--side row)))
         (width (- (pen-dataset-width) 4 (length head) (string-width tail)))
         (shown (pen-dataset-fit texts width)))
    (when (equal mark "D")
      (setq shown (propertize shown 'face 'pen-left-out)))
    (insert (propertize
             (concat (propertize (string-pad mark 2) 'face 'pen-mark) head shown
                     (pen-redraw-gap (+ 3 (length head) (max 20 width))) " "
                     (propertize (string-trim-right tail) 'face 'shadow) "\n"
                     (and (memq number pen-dataset--expanded)
                          (pen-dataset--whole texts)))
             'pen-row number
             'pen-where (plist-get row :where)))))

(defun pen-dataset--tails (rows)
  "Return what stands behind each of ROWS, its weights and its place, in columns."
  (let* ((room (/ (pen-dataset-width) 6))
         (weights (mapcar (lambda (row)
                            (truncate-string-to-width
                             (mapconcat (lambda (each) (format "%g" (plist-get each :weight)))
                                        (plist-get row :segments) "/")
                             room nil nil "…"))
                          rows))
         (places (pen-dataset-places rows))
         (wide (apply #'max 0 (mapcar #'string-width weights)))
         (far (apply #'max 0 (mapcar #'string-width places))))
    (cl-mapcar (lambda (weight place)
                 (concat "w " (truncate-string-to-width weight wide nil ?\s)
                         "  " (truncate-string-to-width place far nil ?\s)))
               weights places)))

(defun pen-dataset-places (things)
  "Return where THINGS come from; the beginning of a wide place is left out."
  (let ((room (/ (pen-dataset-width) 3)))
    (mapcar (lambda (thing)
              (pen-redraw-end (pen-source-place pen-dataset--source (plist-get thing :where))
                              room))
            things)))

(defun pen-dataset--side (row)
  "Return the side of ROW, as wide as any; empty if all rows are trained on."
  (let ((train (lambda (each) (eq 'train (plist-get each :side)))))
    (cond ((seq-every-p train (plist-get pen-dataset--plan :rows)) "")
          ((funcall train row) (make-string 6 ?\s))
          (t (string-pad (symbol-name (plist-get row :side)) 6)))))

(defun pen-dataset--mark (row)
  "Return the letter for what was done to ROW; a small one if it is built."
  (let* ((edits (delq nil (mapcar (lambda (each) (pen-dataset-edit-of (plist-get each :key)))
                                  (plist-get row :members))))
         (edit (car edits))
         (letter (cond ((null edit) "")
                       ((plist-get edit :exclude) "D")
                       ((plist-get edit :texts) "E")
                       ((eq (plist-get edit :side) 'train) "T")
                       (t "V"))))
    (if (seq-every-p (lambda (each) (member each (cadr pen-dataset--asked))) edits)
        (downcase letter)
      letter)))

(defun pen-dataset-texts-of (segments)
  "Return the texts of SEGMENTS, each with the face of its weight."
  (let ((heaviest (apply #'max 0 (mapcar (lambda (each) (plist-get each :weight))
                                         segments))))
    (mapcar (lambda (each) (pen-dataset--segment each heaviest)) segments)))

(defun pen-dataset--segment (segment heaviest)
  "Return the text of SEGMENT with the face of its weight beside HEAVIEST."
  (let ((weight (plist-get segment :weight)))
    (propertize (plist-get segment :text)
                'face (cond ((<= weight 0) 'pen-weight-none)
                            ((< weight heaviest) 'pen-weight-part)
                            (t 'pen-weight-full))
                'help-echo (format "weight %g, %s" weight
                                   (pen-figure-count (plist-get segment :tokens) "token")))))

(defun pen-dataset--one-line (text)
  "Return TEXT with its line breaks and tabs made visible, its face kept."
  (replace-regexp-in-string "\t" "⇥" (replace-regexp-in-string "\n" "↵" text t t) t t))

(defun pen-dataset-fit (texts width)
  "Return TEXTS in one line of WIDTH columns, something of each of them."
  (let ((left (max 20 width))
        (lines (mapcar (lambda (each)
                         ;; What a window cannot show need not be measured.
                         (pen-dataset--one-line (substring each 0 (min (length each) 1000))))
                       texts))
        (shown ""))
    (while lines
      (let* ((others (apply #'+ (mapcar #'string-width (cdr lines))))
             (share (max (/ left (length lines)) (- left others (length (cdr lines)))))
             (text (truncate-string-to-width (pop lines) share nil nil "…")))
        ;; What runs from right to left stays on its side of the bar.
        (setq shown (concat shown (bidi-string-mark-left-to-right text)
                            (and lines (propertize "│" 'face 'shadow)))
              left (- left (string-width text) 1))))
    (truncate-string-to-width shown (max 20 width) nil ?\s)))

(defun pen-dataset--whole (texts)
  "Return TEXTS joined, indented, every line of them folded at blanks to fit."
  (let ((width (max 20 (pen-dataset-width))))
    (with-temp-buffer
      (insert (string-remove-suffix "\n" (string-join texts)) "\n")
      (goto-char (point-min))
      (while (not (eobp))
        (insert "      ")
        (let ((start (point)))
          (move-to-column width)
          (unless (eolp)
            (skip-chars-backward "^ " start)
            (when (= (point) start)
              (move-to-column width))
            (insert "\n")))
        (forward-line (if (bolp) 0 1)))
      (buffer-string))))

(defun pen-dataset-width ()
  "Return how wide a row may be."
  (if-let ((window (get-buffer-window (current-buffer) t)))
      (1- (window-body-width window))
    79))

(provide 'pen-dataset-row)
;;; pen-dataset-row.el ends here
