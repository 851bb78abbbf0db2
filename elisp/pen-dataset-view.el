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
(require 'pen-redraw)
(require 'pen-source-place)
(require 'pen-dataset-options)
(require 'pen-dataset-state)
(require 'pen-dataset-row)

;;;; Faces

(defface pen-finding-error '((t :inherit error))
  "Findings because of which a training set cannot be used."
  :group 'pen)

(defface pen-finding-warning '((t :inherit warning))
  "Findings to look at before training."
  :group 'pen)

;;;; Functions

(defun pen-dataset-say (format &rest args)
  "Show only what FORMAT and ARGS say, in lines that fit."
  (let ((inhibit-read-only t)
        (fill-column (pen-dataset-width)))
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
    (pen-dataset-insert-rows)
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
          ((> (+ width 4 wide) (pen-dataset-width))
           (string-join (append left '("") right) "\n"))
          (t (cl-loop for index below (max (length left) (length right))
                      for one = (or (nth index left) "")
                      for two = (nth index right)
                      collect (if two
                                  (concat (string-pad one (+ width 4)) two)
                                one)
                      into lines
                      finally return (string-join lines "\n"))))))

(defun pen-dataset--wrap (summary)
  "Return SUMMARY in lines that fit, broken at its gaps."
  (let ((lines (list nil)))
    (dolist (part (split-string summary "   +" t))
      (if (and (car lines)
               (> (+ (string-width (car lines)) (string-width part) 4)
                  (pen-dataset-width)))
          (push part lines)
        (setcar lines (concat (car lines) (and (car lines) "    ") part))))
    (string-join (nreverse lines) "\n")))

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
    (let ((fill-column (max 40 (pen-dataset-width))) (fill-prefix "  "))
      (fill-region-as-paragraph beg (point)))
    (add-text-properties beg (point)
                         (list 'face (pcase level
                                       ('error 'pen-finding-error)
                                       ('warning 'pen-finding-warning)
                                       (_ 'shadow))
                               'pen-finding t 'pen-where where))
    (put-text-property beg (1+ beg) 'pen-finding-start t)))

;;;; Functions: changes by hand

(defun pen-dataset--insert-edits ()
  "Insert what was changed by hand, a line each."
  (when pen-dataset--edits
    (insert (propertize (concat "\nChanged by hand; u takes a line back, the source stays as it is"
                                (and (pen-dataset-stale-p) ", g builds") "\n")
                        'face 'shadow))
    (let* ((places (pen-dataset-places pen-dataset--edits))
           (far (apply #'max (mapcar #'string-width places))))
      (cl-mapc (lambda (edit place)
                 (pen-dataset--insert-edit edit place (- (pen-dataset-width) 16 far)))
               pen-dataset--edits places))))

(defun pen-dataset--insert-edit (edit place width)
  "Insert EDIT, whose text has WIDTH columns, and its PLACE."
  (insert (propertize
           (concat (propertize (string-pad (pen-dataset--edit-kind edit) 14) 'face 'pen-mark)
                   (pen-dataset-fit (list (plist-get edit :text)) width)
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
