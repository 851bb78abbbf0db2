;;; pen-dataset-view.el --- Draw the preview of a training set -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; What a plan says, as text: summary, statistics and cost, findings with their
;; places, the first rows with the weight of each segment as a face, and what
;; was changed by hand.  Nothing here asks the service.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-figure)
(require 'pen-redraw)
(require 'pen-source-place)
(require 'pen-dataset-options)
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

(defface pen-finding-error '((t :inherit error))
  "Findings because of which a training set cannot be used."
  :group 'pen)

(defface pen-finding-warning '((t :inherit warning))
  "Findings to look at before training."
  :group 'pen)

(defface pen-mark '((t :inherit font-lock-constant-face :weight bold))
  "Marks of rows that are changed by hand."
  :group 'pen)

(defface pen-left-out '((t :inherit shadow :strike-through t))
  "Rows that are to be left out."
  :group 'pen)

;;;; Functions

(defun pen-dataset-say (format &rest args)
  "Show only what FORMAT and ARGS say, in lines that fit."
  (let ((inhibit-read-only t)
        (fill-column (pen-dataset--width)))
    (erase-buffer)
    (insert (apply #'format format args) "\n")
    (fill-region (point-min) (point-max))))

(defun pen-dataset-draw ()
  "Draw the plan of this buffer; point stays at its row, in every window."
  (pen-redraw-in-place #'pen-dataset--draw #'pen-dataset--anchor #'pen-dataset--anchored))

(defun pen-dataset--anchor (position &optional start)
  "Return what POSITION is at: (ROW . LINE); at the START of a window ROW is nil."
  (cons (unless start (get-text-property position 'pen-row))
        (line-number-at-pos position)))

(defun pen-dataset--anchored (anchor)
  "Return where ANCHOR is now."
  (save-excursion
    (unless (and (car anchor) (pen-dataset-to-row (car anchor)))
      (goto-char (point-min))
      (forward-line (1- (cdr anchor))))
    (point)))

(defun pen-dataset--draw ()
  "Draw the plan of this buffer."
  (let ((inhibit-read-only t))
    (erase-buffer)
    (pen-dataset--insert-head pen-dataset--plan)
    (mapc #'pen-dataset--insert-finding (plist-get pen-dataset--plan :findings))
    (when (plist-get pen-dataset--plan :findings)
      (insert "\n"))
    (pen-dataset--insert-rows)
    (pen-dataset--insert-edits)
    (setq header-line-format (pen-dataset--keys))))

(defun pen-dataset-to-row (number)
  "Go to the row that has NUMBER; return nil if there is none."
  (when-let ((place (text-property-any (point-min) (point-max) 'pen-row number)))
    (goto-char place)))

(defun pen-dataset-to-first ()
  "Go to the first row, or finding; to the top if neither can be seen from there."
  (let* ((window (get-buffer-window nil t))
         (last (if window (window-body-height window) most-positive-fixnum)))
    (goto-char (or (seq-find (lambda (place) (and place (<= (line-number-at-pos place) last)))
                             (list (text-property-any (point-min) (point-max) 'pen-row 1)
                                   (text-property-any (point-min) (point-max)
                                                      'pen-finding-start t)))
                   (point-min)))))

(defun pen-dataset-row-number ()
  "Return the number of the row at point, or say how to get to one."
  (or (get-text-property (point) 'pen-row)
      (let ((first (text-property-any (point-min) (point-max) 'pen-row 1)))
        (user-error (if first
                        "There is no row on this line; the numbered ones begin in line %1$d, M-g g %1$d RET goes there"
                      "There is no row to go to here; g builds the training set again")
                    (and first (line-number-at-pos first))))))

(defun pen-dataset--keys ()
  "Return the line that names the keys; it stands above whatever is scrolled to."
  (let ((stale (pen-dataset-stale-p)))
    (concat (and stale "g build with the changes  ")
            (and pen-dataset--launch "C-c C-c launch  ")
            "C-c C-o options  "
            (if stale "u take back  ? keys"
              "d exclude  v valid  e edit  n/p finding  ? keys"))))

(defun pen-dataset--insert-head (plan)
  "Insert the summary of PLAN, the options and the two tables."
  (insert (propertize (pen-dataset--wrap (plist-get plan :summary)) 'face 'bold)
          "\n")
  (when-let ((given (pen-dataset-options-text pen-dataset--arguments pen-dataset--options)))
    (insert (propertize (concat "with " given) 'face 'shadow) "\n"))
  (insert "\n" (pen-dataset--beside (plist-get plan :table) (plist-get plan :costs))
          "\n\n"))

(defun pen-dataset--beside (table costs)
  "Return TABLE with the table COSTS, which may be nil, on its right or below it."
  (let* ((left (split-string (string-trim-right (or table "") "\n+") "\n"))
         (right (and costs (split-string (string-trim-right costs "\n+") "\n")))
         (width (apply #'max (mapcar #'string-width left)))
         (wide (apply #'max 0 (mapcar #'string-width right))))
    (cond ((not right) (string-join left "\n"))
          ((> (+ width 4 wide) (pen-dataset--width))
           (string-join (append left '("") right) "\n"))
          (t (cl-loop for index below (max (length left) (length right))
                      for one = (or (nth index left) "")
                      for two = (nth index right)
                      collect (if two
                                  (concat (string-pad one (+ width 4)) two)
                                one)
                      into lines
                      finally return (string-join lines "\n"))))))

(defun pen-dataset--insert-finding (finding)
  "Insert FINDING, which carries its place."
  (let* ((where (plist-get finding :where))
         (level (plist-get finding :level))
         (said (pen-rpc-advised
                (if where
                    (format "%s (%s)" (string-remove-suffix "." (plist-get finding :message))
                            (pen-source-place pen-dataset--source where))
                  (plist-get finding :message))
                (plist-get finding :hint)))
         (beg (point)))
    (insert (if (eq level 'note) "- " "! ") said "\n")
    (let ((fill-column (max 40 (pen-dataset--width))) (fill-prefix "  "))
      (fill-region-as-paragraph beg (point)))
    (add-text-properties beg (point)
                         (list 'face (pcase level
                                       ('error 'pen-finding-error)
                                       ('warning 'pen-finding-warning)
                                       (_ 'shadow))
                               'pen-finding t 'pen-where where))
    (put-text-property beg (1+ beg) 'pen-finding-start t)))

;;;; Functions: rows

(defun pen-dataset--insert-rows ()
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
         (width (- (pen-dataset--width) 4 (length head) (string-width tail)))
         (shown (pen-dataset--fit texts width)))
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
  (let* ((room (/ (pen-dataset--width) 6))
         (weights (mapcar (lambda (row)
                            (truncate-string-to-width
                             (mapconcat (lambda (each) (format "%g" (plist-get each :weight)))
                                        (plist-get row :segments) "/")
                             room nil nil "…"))
                          rows))
         (places (pen-dataset--places rows))
         (wide (apply #'max 0 (mapcar #'string-width weights)))
         (far (apply #'max 0 (mapcar #'string-width places))))
    (cl-mapcar (lambda (weight place)
                 (concat "w " (truncate-string-to-width weight wide nil ?\s)
                         "  " (truncate-string-to-width place far nil ?\s)))
               weights places)))

(defun pen-dataset--places (things)
  "Return where THINGS come from; the beginning of a wide place is left out."
  (let ((room (/ (pen-dataset--width) 3)))
    (mapcar (lambda (thing)
              (let* ((place (pen-source-place pen-dataset--source (plist-get thing :where)))
                     (over (- (string-width place) room)))
                (if (<= over 0)
                    place
                  (concat "…" (truncate-string-to-width place (string-width place) (1+ over))))))
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

(defun pen-dataset--fit (texts width)
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
  (let ((width (max 20 (pen-dataset--width))))
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

(defun pen-dataset--wrap (summary)
  "Return SUMMARY in lines that fit, broken at its gaps."
  (let ((lines (list nil)))
    (dolist (part (split-string summary "   +" t))
      (if (and (car lines)
               (> (+ (string-width (car lines)) (string-width part) 4)
                  (pen-dataset--width)))
          (push part lines)
        (setcar lines (concat (car lines) (and (car lines) "    ") part))))
    (string-join (nreverse lines) "\n")))

(defun pen-dataset--width ()
  "Return how wide a row may be."
  (if-let ((window (get-buffer-window (current-buffer) t)))
      (1- (window-body-width window))
    79))

;;;; Functions: changes by hand

(defun pen-dataset--insert-edits ()
  "Insert what was changed by hand, a line each."
  (when pen-dataset--edits
    (insert (propertize (concat "\nChanged by hand; u takes a line back, the source stays as it is"
                                (and (pen-dataset-stale-p) ", g builds") "\n")
                        'face 'shadow))
    (let* ((places (pen-dataset--places pen-dataset--edits))
           (far (apply #'max (mapcar #'string-width places))))
      (cl-mapc (lambda (edit place)
                 (pen-dataset--insert-edit edit place (- (pen-dataset--width) 16 far)))
               pen-dataset--edits places))))

(defun pen-dataset--insert-edit (edit place width)
  "Insert EDIT, whose text has WIDTH columns, and its PLACE."
  (insert (propertize
           (concat (propertize (string-pad (pen-dataset--edit-kind edit) 14) 'face 'pen-mark)
                   (pen-dataset--fit (list (plist-get edit :text)) width)
                   (pen-redraw-gap (+ 15 (max 20 width))) " "
                   (propertize place 'face 'shadow) "\n")
           'pen-edit (plist-get edit :key)
           'pen-where (plist-get edit :where))))

(defun pen-dataset--edit-kind (edit)
  "Return in two words what EDIT does."
  (cond ((plist-get edit :exclude) "left out")
        ((plist-get edit :texts) "rewritten")
        ((eq (plist-get edit :side) 'valid) "held out")
        (t "trained on")))

;;;; Functions: from finding to finding

(defun pen-dataset--to-finding (step)
  "Move by lines of STEP until a finding begins; from elsewhere also round the end."
  (let ((here (get-text-property (point) 'pen-finding))
        (ends (list (point-min) (point-max))))
    (goto-char (or (pen-dataset--finding-from (point) step)
                   (and (not here)
                        (pen-dataset--finding-from (nth (if (> step 0) 0 1) ends) step))
                   (user-error (if here "There are no more findings"
                                 "There are no findings"))))))

(defun pen-dataset--finding-from (place step)
  "Return where a finding begins, by lines of STEP from PLACE, or nil."
  (save-excursion
    (goto-char place)
    (cl-loop while (and (zerop (forward-line step)) (not (eobp)))
             when (get-text-property (point) 'pen-finding-start)
             return (point))))

;;;; Commands

(defun pen-dataset-next-finding ()
  "Go to the next finding."
  (interactive)
  (pen-dataset--to-finding 1))

(defun pen-dataset-previous-finding ()
  "Go to the previous finding."
  (interactive)
  (pen-dataset--to-finding -1))

(provide 'pen-dataset-view)
;;; pen-dataset-view.el ends here
